"""The one place from which blocking work leaves the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_MOST = 40
_threads = ThreadPoolExecutor(_MOST, thread_name_prefix="blocking")


async def in_thread(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking `work` on a thread and wait for it; its errors are raised here.

    The work goes on to its end even if the waiter is cancelled, so nothing is left half written; what has not begun
    by then never does.
    """
    # Not by anyio, whose hand-over takes the event loop twice as long: a question is handed over three times.
    asked = partial(copy_context().run, work, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, asked)
