"""A TCP proxy on 127.0.0.1 that fails as it is told: between Tandem and whatever it reaches over a network."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["pass", "refuse", "silent", "reset", "garble"]
"""`refuse` closes what connects at once, `silent` reads and says nothing, `garble` answers with noise."""

_NOISE = b"\x00\xff not the protocol that you know \r\n\r\n"


@dataclass
class FaultProxy:
    """One listener; `mode` may change at any moment, and holds for what comes from then on."""

    target: tuple[str, int]
    port: int = 0
    mode: Mode = "pass"
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        upstream: asyncio.StreamWriter | None = None
        with suppress(OSError):
            if self.mode == "pass":
                answers, upstream = await asyncio.open_connection(*self.target)
                self._open.add(upstream)
                await asyncio.gather(self._pump(reader, upstream), self._pump(answers, writer))
            elif self.mode != "refuse":
                await self._fail(reader, writer)
        for each in (writer, upstream):
            if each is not None:
                each.transport.abort()
                self._open.discard(each)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on; a connection that stands when the mode changes fails with its next bytes."""
        while data := await reader.read(65_536):
            if self.mode != "pass":
                await self._fail(reader, writer)
                break
            writer.write(data)
            await writer.drain()
        writer.transport.abort()

    async def _fail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "garble":
            await reader.read(1)
            writer.write(_NOISE)
            await writer.drain()
        if self.mode == "silent":
            while await reader.read(65_536):
                pass

    async def run(self, ready: threading.Event, ended: threading.Event) -> None:
        """Serve until `ended`."""
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            while not ended.is_set():
                await asyncio.sleep(0.02)
            for writer in tuple(self._open):
                writer.transport.abort()
            await asyncio.sleep(0.05)

    @classmethod
    @contextmanager
    def before(cls, host: str, port: int) -> Iterator["FaultProxy"]:
        """A proxy of this address, in a thread of its own."""
        proxy, ready, ended = cls((host, port)), threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(proxy.run(ready, ended)), daemon=True)
        thread.start()
        assert ready.wait(10)
        yield proxy
        ended.set()
        thread.join(10)
