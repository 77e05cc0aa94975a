"""The registered adapters at one replica of the engine: loaded there, seen there, let go there."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import structlog

from server.adapters.fitting import check_fits
from server.adapters.loads import Loads
from server.adapters.wanted import Wanted
from server.monitoring import Metrics
from tandem.adapters import AdapterRegistry
from tandem.engine import Replica
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError, TandemError
from tandem.settings import EngineSettings
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_IDLE_S = 60.0
"""So long an adapter that no current recipe names stays for the next request to an old version of one."""


class Site:
    """Changes what one replica has, one change at a time. What it has is known in `replica.adapters`."""

    def __init__(
        self,
        replica: Replica,
        settings: EngineSettings,
        registry: AdapterRegistry,
        wanted: Wanted,
        in_flight: Counter[str],
        model_dir: Path | None,
        metrics: Metrics,
    ) -> None:
        """`in_flight` counts who holds which adapter, at whatever replica; such a one is not unloaded."""
        self.replica = replica
        self.loads = Loads(self._load, metrics)
        self._settings = settings
        self._registry = registry
        self._wanted = wanted
        self._in_flight = in_flight
        self._model_dir = model_dir
        self._changing = asyncio.Lock()

    def has(self, ref: str) -> bool:
        """Whether it can be asked for the adapter now, as far as is known."""
        return self.replica.is_ready and ref in self.replica.adapters

    async def reconcile(self, pinned: set[str]) -> None:
        """See what is there, unload what nobody needs, and load what is missing. Raises what the engine raises.

        One adapter that cannot be loaded does not keep another out.
        """
        async with self._changing:
            await self._see()
            await self._let_go(pinned)
        for ref in sorted(pinned):
            if not self.has(ref):
                try:
                    await self.loads.once(ref)
                except TandemError as error:  # `Loads` has said it
                    log.debug("adapter_still_missing", adapter=ref, error=error.message)

    async def let_go(self, pinned: set[str]) -> None:
        """Unload what nobody needs and nobody is asking. Raises what the engine raises."""
        async with self._changing:
            await self._let_go(pinned)

    async def _load(self, ref: str) -> None:
        async with self._changing:
            if not self.has(ref):
                await self._load_now(ref)

    async def _load_now(self, ref: str) -> None:
        version = await in_thread(self._registry.get, ref)
        await in_thread(check_fits, version, self._settings, self._model_dir)
        await in_thread(self._registry.verify, version)
        await self._see()
        if ref in self.replica.adapters:
            return  # by another server, or before this one was started
        await self._make_room()
        path, start = self._wanted.path(ref), self.replica.starts
        try:
            await self.replica.client.load_adapter(ref, path)
        except InvalidRequestError:
            # Another server may have been first.
            if (folder := (await self.replica.client.adapters()).get(ref)) != str(path):
                if folder is None:
                    raise
                raise ConflictError(
                    f"The engine has a {ref} already, from {folder}; here it is in {path}",
                    param="adapter",
                    hint="Give each Tandem with a registry of its own an engine of its own.",
                ) from None
        except NotFoundError as error:
            raise NotFoundError(
                f"The engine finds no adapter in {path}",
                param="engine.adapters_dir",
                hint="Let its machine see the folder `adapters` of the data folder, and set engine.adapters_dir to "
                "where that is there.",
            ) from error
        if start == self.replica.starts:
            self.replica.adapters[ref] = time.monotonic()

    async def _see(self) -> None:
        """Take over what the replica has, of those that are ours."""
        start = self.replica.starts
        there = await self.replica.client.adapters()
        for ref in self.replica.doubted & there.keys():
            await self._unload(ref)
            del there[ref]
        now, known = time.monotonic(), self.replica.adapters
        if start != self.replica.starts:
            return  # what was seen is of the process before
        self.replica.doubted.clear()
        self.replica.adapters = {
            ref: known.get(ref, now) for ref, at in there.items() if self._wanted.is_ours(ref, at)
        }

    async def _make_room(self) -> None:
        """Unload what is longest unused until one more fits. Where all are in use, one too many is no harm: vLLM
        keeps as many in memory as it may, and reads another again when it is asked.
        """
        pinned = await self._wanted.look()
        known = self.replica.adapters
        for ref in sorted(known, key=known.__getitem__):
            if len(self.replica.adapters) < self._settings.max_cpu_loras:
                return
            if ref not in pinned:
                await self._unload_drained(ref)

    async def _let_go(self, pinned: set[str]) -> None:
        named = self._wanted.named() | pinned
        now = time.monotonic()
        for ref, used in list(self.replica.adapters.items()):
            idle = ref not in named and now - used > _IDLE_S
            if (ref in self._wanted.leaving and ref not in pinned) or idle:
                await self._unload_drained(ref)

    async def _unload_drained(self, ref: str) -> None:
        if self._in_flight[ref]:
            return
        # Before the engine is told: a request from now on waits for `_changing`, and loads it again.
        self.replica.lose(ref)
        await self._unload(ref)

    async def _unload(self, ref: str) -> None:
        try:
            await self.replica.client.unload_adapter(ref)
        except NotFoundError:
            log.debug("adapter_was_gone", adapter=ref)
        log.info("adapter_unloaded", adapter=ref)
