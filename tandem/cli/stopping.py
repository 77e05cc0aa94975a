"""How `tandem up` ends: the first signal drains, the second cuts."""

import asyncio
import math
import signal
from collections.abc import Callable

import uvicorn

from server.resilience import Drain
from tandem.settings import ServerSettings

_FOR_THE_PARTS_S = 8.0
"""Most of the grace that is left for ending engine, jobs and store, once the answers have ended."""


class Stop:
    """Stops one server by the signals that its process gets.

    At a SIGTERM it is not ready any more, and goes on to accept for `drain_s`, for those who do not know yet; Ctrl-C
    is of somebody who waits. Running answers finish; those that have not after three quarters of
    `shutdown_grace_s` are cut, and the rest of it is for ending the parts.
    """

    def __init__(
        self, server: uvicorn.Server, settings: ServerSettings, drain: Callable[[], Drain | None]
    ) -> None:
        """`drain` finds that of the running application, once there is one."""
        self._server = server
        self._settings = settings
        self._drain = drain
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        self._asked = False

    def listen(self) -> None:
        """Take the signals from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        drain = self._drain()
        if self._asked:
            self._server.should_exit = self._server.force_exit = True
            if drain is not None:
                drain.cut()
            return
        self._asked = True
        if drain is None or not self._server.started:
            self._server.should_exit = True
            if self._task is not None:
                self._task.cancel()
            return
        drain.begin()
        lingers = self._settings.drain_s if number == signal.SIGTERM else 0.0
        self._loop.call_later(lingers, self._close)
        self._loop.call_later(answering_s(self._settings.shutdown_grace_s), drain.cut)

    def _close(self) -> None:
        self._server.should_exit = True


def answering_s(grace_s: float) -> float:
    """How much of the grace is for answers that run."""
    return grace_s - min(_FOR_THE_PARTS_S, grace_s / 4)


def longest_wait_s(settings: ServerSettings) -> int:
    """After how many whole seconds from the listener's end uvicorn cancels what still runs.

    Well after our cut: the last events of many streams have to be written, also on a machine that is busy.
    """
    grace_s = settings.shutdown_grace_s
    return max(1, math.ceil((answering_s(grace_s) + grace_s) / 2 - settings.drain_s))
