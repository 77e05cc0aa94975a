"""Which registered adapters are loaded at the engine's replicas, and who is asking them.

Three kinds are loaded. A pinned one stays, at every replica: somebody wants it served (`tandem adapters load`), or
the champion names it. One that another recipe names is loaded by its first request and stays while there is room. The
rest is let go. None is unloaded while a request of this process is asking it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from server.adapters.site import Site
from server.adapters.wanted import Wanted
from server.monitoring import Metrics
from tandem.adapters import AdapterRegistry
from tandem.engine import Engine, Replica
from tandem.errors import ConflictError, EngineUnavailableError, TandemError
from tandem.recipes import RecipeBook
from tandem.settings import Settings
from tandem.store import Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AdapterStatus:
    """A registered adapter as the engine and this server see it."""

    ref: str
    pinned: bool
    loaded: bool
    """Whether a replica has it."""
    in_flight: int
    """Requests of this server that ask it now."""
    failure: str | None = None
    """Why the last load did not succeed, at any replica."""


class ServedAdapters:
    """The registered adapters at the engine of one server. For one event loop; `is_loaded` for any thread."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        engine: Engine,
        book: RecipeBook,
        model_dir: Path | None,
        metrics: Metrics,
    ) -> None:
        self._settings = settings.engine
        self._registry = AdapterRegistry(settings.data_dir, store)
        self._store = store
        self._engine = engine
        self._book = book
        self._wanted = Wanted(settings, store, book)
        self._in_flight: Counter[str] = Counter()
        self._metrics = metrics
        self._known: dict[Replica, Site] = {}
        self._new_site = partial(
            Site,
            settings=settings.engine,
            registry=self._registry,
            wanted=self._wanted,
            in_flight=self._in_flight,
            model_dir=model_dir,
            metrics=metrics,
        )

    def is_registered(self, model: str) -> bool:
        """Whether the name is a registered adapter's, and not the base model's or one of the settings."""
        return self._wanted.is_registered(model)

    def has(self, replica: Replica, model: str) -> bool:
        """Whether this replica can be asked for `model`; it has what is not registered from its start."""
        return not self.is_registered(model) or model in replica.adapters

    def is_loaded(self, model: str) -> bool:
        """Whether the engine can be asked for `model` now, as far as is known here."""
        return not self.is_registered(model) or any(
            replica.is_ready and model in replica.adapters for replica in self._engine.replicas
        )

    def is_everywhere(self, model: str) -> bool:
        """Whether every ready replica has `model`, or has failed to load it just now, and one has it: a new champion
        may begin to serve.
        """
        if not self.is_registered(model):
            return True
        return self.is_loaded(model) and not any(
            model not in replica.adapters and not self._failed(replica, model)
            for replica in self._engine.replicas
            if replica.is_ready
        )

    @asynccontextmanager
    async def held(self, model: str) -> AsyncIterator[None]:
        """Load `model` if that is needed, and keep it loaded until the end of the block. Raises as `ensure`."""
        if not self.is_registered(model):
            yield
            return
        self._in_flight[model] += 1  # before it is loaded, so that nobody unloads it in between
        try:
            if not self.is_loaded(model):
                await self._load_at(self._lacking(model), model, one_is_enough=True)
            yield
        finally:
            self._in_flight[model] -= 1
            for replica in self._engine.replicas:
                if model in replica.adapters:
                    replica.adapters[model] = time.monotonic()

    async def ensure(self, model: str) -> None:
        """Return when all ready replicas have `model` that can load it. It is loaded once, however many wait for it.

        Raises where none has it then: `EngineUnavailableError`, `NotFoundError` for a version that is not registered,
        `StorageError` for damaged files, `InvalidRequestError` for what does not fit; for a few seconds the same
        error again.
        """
        if not self.is_everywhere(model):
            await self._load_at(self._lacking(model), model)

    async def load(self, ref: str, author: str) -> AdapterStatus:
        """Load `NAME@NUMBER`, `NAME@TAG` or the newest of `NAME`, and want it served from now on.

        Raises as `ensure`, and `ConflictError` when as many are wanted as can be loaded. What cannot be loaded
        is not wanted.
        """
        version = await in_thread(self._registry.get, ref)
        pinned = await self._wanted.look()
        if version.ref not in pinned and len(pinned) >= self._settings.max_cpu_loras:
            raise ConflictError(
                f"{len(pinned)} adapters are to be served already, which is engine.max_cpu_loras",
                param="adapter",
                hint="Unload one (tandem adapters unload NAME@N), or raise engine.max_cpu_loras.",
            )
        self._wanted.leaving.discard(version.ref)
        for site in self._sites():
            site.loads.forgive(version.ref)
        await self.ensure(version.ref)
        await in_thread(self._store.serve_adapter, version.name, version.number, author=author)
        return self._status(version.ref, await self._wanted.look())

    async def unload(self, ref: str) -> AdapterStatus:
        """Want it served no longer; it goes when its last request has ended.

        Raises `NotFoundError`, and `ConflictError` for the champion's.
        """
        version = await in_thread(self._registry.get, ref)
        if version.ref == self._wanted.champion_model():
            raise ConflictError(
                f"The champion {self._book.champion} names {version.ref}",
                param="adapter",
                hint="Make another recipe the champion first: tandem recipes champion NAME",
            )
        await in_thread(self._store.release_adapter, version.name, version.number)
        pinned = await self._wanted.look()
        self._wanted.leaving.add(version.ref)
        for site in self._ready_sites():
            try:
                await site.let_go(pinned)
            except TandemError as error:  # the reconciler tries again
                log.warning("adapter_not_unloaded", adapter=version.ref, error=error.message)
        self._told()
        return self._status(version.ref, pinned)

    async def reconcile(self) -> None:
        """Make every ready replica have what is wanted, and no more.

        Raises what the store raises, and what the last failing replica says; one does not keep another waiting.
        """
        wanted = await self._wanted.look() | self._shared()
        sites = self._ready_sites()
        done = await asyncio.gather(*(site.reconcile(wanted) for site in sites), return_exceptions=True)
        self._wanted.leaving &= {ref for site in sites for ref in site.replica.adapters}
        self._told()
        for error in done:
            if isinstance(error, BaseException):
                raise error

    def _shared(self) -> set[str]:
        """What a replica has and a recipe names: the others are to have it too, also one that has just come back."""
        there = {ref for one in self._engine.replicas if one.is_ready for ref in one.adapters}
        return (there & self._wanted.named()) - self._wanted.leaving

    def status(self) -> list[AdapterStatus]:
        """Those that are loaded, and those that should be."""
        pinned = self._wanted.pinned()
        known = {ref for one in self._engine.replicas for ref in one.adapters}
        failed = {ref for site in self._sites() for ref in site.loads.failed()}
        return [
            self._status(ref, pinned) for ref in sorted(pinned | known | failed) if self.is_registered(ref)
        ]

    def forget(self, model: str) -> None:
        """No replica knows `model`: somebody else unloaded it, or vLLM was started anew."""
        for replica in self._engine.replicas:
            replica.lose(model)
        self._told()

    async def close(self) -> None:
        """End the loads that are going on; what is loaded stays so."""
        for site in self._known.values():
            await site.loads.close()

    def _sites(self) -> list[Site]:
        """Of the replicas that there are now."""
        for replica in self._known.keys() - set(self._engine.replicas):
            del self._known[replica]
        for replica in self._engine.replicas:
            if replica not in self._known:
                self._known[replica] = self._new_site(replica)
        return [self._known[replica] for replica in self._engine.replicas]

    def _ready_sites(self) -> list[Site]:
        return [site for site in self._sites() if site.replica.is_ready]

    def _lacking(self, model: str) -> list[Site]:
        sites = self._ready_sites()
        if not sites:
            raise EngineUnavailableError(
                f"The engine is {self._engine.state.value}, so {model} cannot be loaded", retry_after=5
            )
        return [site for site in sites if not site.has(model)]

    async def _load_at(self, sites: Collection[Site], model: str, *, one_is_enough: bool = False) -> None:
        """Load it at all of them side by side. Raises the first error where no replica has it afterwards."""
        loads = [asyncio.create_task(site.loads.once(model)) for site in sites]
        waiting = set(loads)
        try:
            while waiting and not (one_is_enough and self.is_loaded(model)):
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for load in waiting:
                load.cancel()  # of who waits; the load goes on
        self._told()
        errors = [
            error for load in loads if load.done() and not load.cancelled() and (error := load.exception())
        ]
        if errors and not self.is_loaded(model):
            raise errors[0]

    def _failed(self, replica: Replica, model: str) -> bool:
        site = self._known.get(replica)
        return site is not None and site.loads.has_failed(model)

    def _told(self) -> None:
        self._metrics.adapters_loaded(len({ref for one in self._engine.replicas for ref in one.adapters}))

    def _status(self, ref: str, pinned: Collection[str]) -> AdapterStatus:
        failures = [site.loads.failed().get(ref) for site in self._sites()]
        failure = next((one for one in failures if one is not None), None)
        return AdapterStatus(
            ref=ref,
            pinned=ref in pinned,
            loaded=self.is_loaded(ref),
            in_flight=self._in_flight[ref],
            failure=failure.message if failure else None,
        )
