"""Connections that are cut: of clients that do not read what they asked for, or never send it whole."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tandem.settings import LimitSettings

log = structlog.get_logger(__name__)

_BYTES_PER_S = 1_024
"""A request that comes more slowly than this is cut in the end; a file of any size may take its time."""


def protocol_of(limits: LimitSettings, cut: Callable[[str], None]) -> type[HttpToolsProtocol]:
    """uvicorn's HTTP protocol with deadlines. `cut` hears why a connection is cut, `slow_reader` or `slow_sender`."""

    class _Protocol(_DeadlineProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._limits = limits
            self._told = cut

    return _Protocol


class _DeadlineProtocol(HttpToolsProtocol):
    """One connection. uvicorn itself waits for ever, for a request's rest and for its reader."""

    _limits: LimitSettings
    _told: Callable[[str], None]
    _receiving: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None
    _begun = 0.0
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # The first byte that the client's side does not take starts the clock.
        transport.set_write_buffer_limits(high=0)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._receiving is None:
            self._expect_request()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._receiving = _ended(self._receiving)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._sending = _ended(self._sending)
        self._sending = self.loop.call_later(self._limits.slow_reader_s, self._cut, "slow_reader")

    def resume_writing(self) -> None:
        super().resume_writing()
        self._sending = _ended(self._sending)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sending, self._receiving = _ended(self._sending), _ended(self._receiving)
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        self._begun, self._received = self.loop.time(), 0
        self._receiving = self.loop.call_later(self._limits.slow_sender_s, self._look)

    def _look(self) -> None:
        """Whether the request has had its time; what waits because the server does not read is not its fault."""
        allowed = self._limits.slow_sender_s + self._received / _BYTES_PER_S
        left = self._begun + allowed - self.loop.time()
        if left <= 0 and self.flow.read_paused:
            left = self._limits.slow_sender_s
        if left > 0:
            self._receiving = self.loop.call_later(left, self._look)
        else:
            self._cut("slow_sender")

    def _cut(self, reason: str) -> None:
        if not self.transport.is_closing() or self.transport.get_write_buffer_size():
            log.info("connection_cut", reason=reason)
            self._told(reason)
            self.transport.abort()


def _ended(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """No timer, in place of this one."""
    if timer is not None:
        timer.cancel()
    return None
