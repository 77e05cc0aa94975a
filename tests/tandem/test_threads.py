"""Blocking work beside the event loop: what goes with it, and what becomes of it."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from tandem.errors import StorageError
from tandem.threads import in_thread

_asked_by = ContextVar("_asked_by", default="nobody")


async def test_work_runs_on_another_thread_and_knows_what_its_task_knows() -> None:
    _asked_by.set("somebody")
    thread, asker = await in_thread(lambda: (threading.get_ident(), _asked_by.get()))
    assert (thread != threading.get_ident(), asker) == (True, "somebody")


async def test_what_it_raises_is_raised_where_it_is_waited_for() -> None:
    def fail(text: str) -> None:
        raise StorageError(text)

    with pytest.raises(StorageError, match="the disk is full"):
        await in_thread(fail, "the disk is full")


async def test_work_that_has_begun_ends_though_nobody_waits_for_it() -> None:
    begun, go_on, ended = (threading.Event() for _ in range(3))

    def work() -> None:
        begun.set()
        assert go_on.wait(30)
        ended.set()

    waiting = asyncio.create_task(in_thread(work))
    assert await in_thread(begun.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert await in_thread(ended.wait, 30)
