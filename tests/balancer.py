"""A small TCP balancer of the tests' own, in a thread: it asks `/readyz`, and goes on to the next when refused.

It stands for what is before the servers in production. What it must not do is hide a fault: once a byte of a request
may have reached a server, it tries no other.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

_LOOK_S = 0.1
_TRIES_S = 20.0


class Balancer:
    """Spreads connections over the ports that say they are ready, in turn."""

    def __init__(self, ports: list[int]) -> None:
        self.url = ""
        self.ready: set[int] = set()
        self.given: Counter[int] = Counter()
        """Connections by port."""
        self.refused = 0
        """Connections that a server refused, and the next one took."""
        self._ports = ports
        self._turn = 0

    async def run(self, started: threading.Event, ended: asyncio.Event) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        looking = [asyncio.create_task(self._look(port)) for port in self._ports]
        started.set()
        await ended.wait()
        for task in looking:
            task.cancel()
        server.close()

    async def _look(self, port: int) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            while True:
                try:
                    status = (await http.get(f"http://127.0.0.1:{port}/readyz")).status_code
                except httpx.TransportError:
                    status = 0
                (self.ready.add if status == 200 else self.ready.discard)(port)
                await asyncio.sleep(_LOOK_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            found = await self._connected()
            if found is not None:
                behind_reader, behind_writer = found
                back = asyncio.create_task(_pipe(behind_reader, writer))
                there = asyncio.create_task(_pipe(reader, behind_writer))
                await back
                there.cancel()
                behind_writer.close()
        writer.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        clock = asyncio.get_running_loop().time
        end = clock() + _TRIES_S
        while clock() < end:
            ready = sorted(self.ready)
            self._turn += 1
            for port in ready[self._turn % len(ready) :] + ready[: self._turn % len(ready)] if ready else []:
                try:
                    found = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    self.refused += 1
                    continue
                self.given[port] += 1
                return found
            await asyncio.sleep(_LOOK_S)
        return None


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()


@contextmanager
def balancing(ports: list[int]) -> Iterator[Balancer]:
    """A running one before servers on these ports."""
    balancer, started = Balancer(ports), threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(balancer.run(started, ended)), daemon=True
    )
    thread.start()
    assert started.wait(10)
    try:
        yield balancer
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
