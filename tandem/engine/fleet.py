"""The engines that somebody else runs: which there are, each watched by a task of its own."""

import asyncio
import socket
from collections.abc import Callable, Sequence

import httpx
import structlog

from tandem.engine.launch import engine_addresses
from tandem.engine.replica import Replica
from tandem.engine.state import EngineState
from tandem.settings import EngineSettings

log = structlog.get_logger(__name__)


class Fleet:
    """Replicas at the addresses of the settings, or at all to which their host names lead now."""

    def __init__(self, settings: EngineSettings, told: Callable[[], None]) -> None:
        """`told` is called after every look at any of them."""
        self.replicas: tuple[Replica, ...] = ()
        """In the order of their addresses; replaced as a whole."""
        self._settings = settings
        self._told = told
        self._addresses = engine_addresses(settings)
        self._watching: dict[Replica, asyncio.Task[None]] = {}
        self._leaving: list[Replica] = []
        if not settings.resolve:
            self.replicas = tuple(Replica(address, settings) for address in self._addresses)

    async def run(self) -> None:
        """Watch them until cancelled, and look their names up again where the settings say so."""
        self._watch()
        while self._settings.resolve:
            found = await self._resolved()
            if found:
                self.take(found)
            await self._let_go()
            await asyncio.sleep(self._settings.resolve_s)
        await asyncio.Event().wait()

    def take(self, addresses: Sequence[str]) -> None:
        """Have a replica at each of these, and at no other. One that is gone ends what it is writing."""
        known = {replica.address: replica for replica in self.replicas}
        if list(known) == list(addresses):
            return
        log.info("engine replicas changed", before=len(known), now=len(addresses))
        self.replicas = tuple(known.get(one) or Replica(one, self._settings) for one in addresses)
        for replica in known.values():
            if replica not in self.replicas:
                self._watching.pop(replica).cancel()
                replica.become(EngineState.STOPPED)
                self._leaving.append(replica)
        self._watch()
        self._told()

    async def close(self) -> None:
        """End the watching and close the connections; safe to call twice."""
        tasks = list(self._watching.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._watching.clear()
        for replica in (*self.replicas, *self._leaving):
            await replica.close()

    def _watch(self) -> None:
        for replica in self.replicas:
            if replica not in self._watching:
                watching = replica.follow(self._told)
                self._watching[replica] = asyncio.create_task(watching, name=f"engine {replica.address}")

    async def _let_go(self) -> None:
        for replica in [one for one in self._leaving if not one.asked]:
            self._leaving.remove(replica)
            await replica.close()

    async def _resolved(self) -> list[str]:
        """An address for each host that the names lead to, in order; none where one name leads nowhere now."""
        found: set[str] = set()
        for address in self._addresses:
            url = httpx.URL(address)
            try:
                answers = await asyncio.get_running_loop().getaddrinfo(
                    url.host, url.port or 80, type=socket.SOCK_STREAM
                )
            except OSError as error:
                log.warning("engine name leads nowhere", name=url.host, error=str(error))
                return []  # what was known before goes on to serve
            found |= {str(url.copy_with(host=str(answer[4][0]))).rstrip("/") for answer in answers}
        return sorted(found)
