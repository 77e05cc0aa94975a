"""Which registered adapters are loaded at the engine, and who is asking them.

Three kinds are loaded. A pinned one stays: somebody wants it served (`tandem adapters load`), or the champion names
it. One that another recipe names is loaded by its first request and stays while there is room. The rest is let go.
None is unloaded while a request of this process is asking it.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from server.adapters.fitting import check_fits
from server.adapters.loads import Loads
from server.monitoring import Metrics
from tandem.adapters import AdapterRegistry
from tandem.engine import Engine, EngineClient, EngineState
from tandem.errors import (
    ConflictError,
    EngineUnavailableError,
    InvalidRequestError,
    NotFoundError,
    TandemError,
)
from tandem.recipes import RecipeBook
from tandem.settings import Settings
from tandem.store import Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_REF = re.compile(r"([a-z0-9][a-z0-9_-]{0,63})@([1-9][0-9]{0,8})")
_IDLE_S = 60.0
"""So long an adapter that no current recipe names stays for the next request to an old version of one."""


@dataclass(frozen=True, slots=True)
class AdapterStatus:
    """A registered adapter as the engine and this server see it."""

    ref: str
    pinned: bool
    loaded: bool
    in_flight: int
    """Requests of this server that ask it now."""
    failure: str | None = None
    """Why the last load did not succeed."""


class ServedAdapters:
    """The registered adapters at the engine of one server. For one event loop; `is_loaded` for any thread."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        engine: Engine,
        client: EngineClient,
        book: RecipeBook,
        model_dir: Path | None,
        metrics: Metrics,
    ) -> None:
        self._settings = settings.engine
        self._root = (settings.engine.adapters_dir or settings.data_dir.resolve() / "adapters").absolute()
        self._registry = AdapterRegistry(settings.data_dir, store)
        self._store = store
        self._engine = engine
        self._client = client
        self._book = book
        self._model_dir = model_dir
        self._metrics = metrics
        self._start = engine.starts
        self._loaded: dict[str, float] = {}
        """When each was last used, by its name."""
        self._wanted: tuple[str, ...] = ()
        self._leaving: set[str] = set()
        self._in_flight: Counter[str] = Counter()
        self._loads = Loads(self._load, metrics)
        self._changing = asyncio.Lock()

    def is_registered(self, model: str) -> bool:
        """Whether the name is a registered adapter's, and not the base model's or one of the settings."""
        own = (self._settings.served_name, *self._settings.adapters)
        return model not in own and _REF.fullmatch(model) is not None

    def is_loaded(self, model: str) -> bool:
        """Whether the engine can be asked for `model` now, as far as is known here."""
        if not self.is_registered(model):
            return True
        return model in self._loaded and self._start == self._engine.starts and self._ready()

    @asynccontextmanager
    async def held(self, model: str) -> AsyncIterator[None]:
        """Load `model` if that is needed, and keep it loaded until the end of the block. Raises as `ensure`."""
        if not self.is_registered(model):
            yield
            return
        self._in_flight[model] += 1  # before it is loaded, so that nobody unloads it in between
        try:
            await self.ensure(model)
            yield
        finally:
            self._in_flight[model] -= 1
            if model in self._loaded:
                self._loaded[model] = time.monotonic()

    async def ensure(self, model: str) -> None:
        """Return when `model` can be asked. It is loaded once, however many wait for it.

        Raises `EngineUnavailableError`, `NotFoundError` for a version that is not registered, `StorageError` for
        damaged files, `InvalidRequestError` for what does not fit; for a few seconds the same error again.
        """
        if self.is_loaded(model):
            return
        if not self._ready():
            raise EngineUnavailableError(
                f"The engine is {self._engine.state.value}, so {model} cannot be loaded", retry_after=5
            )
        await self._loads.once(model)

    async def load(self, ref: str, author: str) -> AdapterStatus:
        """Load `NAME@NUMBER`, `NAME@TAG` or the newest of `NAME`, and want it served from now on.

        Raises as `ensure`, and `ConflictError` when as many are wanted as can be loaded. What cannot be loaded
        is not wanted.
        """
        version = await in_thread(self._registry.get, ref)
        pinned = await self._look()
        if version.ref not in pinned and len(pinned) >= self._settings.max_cpu_loras:
            raise ConflictError(
                f"{len(pinned)} adapters are to be served already, which is engine.max_cpu_loras",
                param="adapter",
                hint="Unload one (tandem adapters unload NAME@N), or raise engine.max_cpu_loras.",
            )
        self._leaving.discard(version.ref)
        self._loads.forgive(version.ref)
        await self.ensure(version.ref)
        await in_thread(self._store.serve_adapter, version.name, version.number, author=author)
        return self._status(version.ref, await self._look())

    async def unload(self, ref: str) -> AdapterStatus:
        """Want it served no longer; it goes when its last request has ended.

        Raises `NotFoundError`, and `ConflictError` for the champion's.
        """
        version = await in_thread(self._registry.get, ref)
        if version.ref == self._champion_model():
            raise ConflictError(
                f"The champion {self._book.champion} names {version.ref}",
                param="adapter",
                hint="Make another recipe the champion first: tandem recipes champion NAME",
            )
        await in_thread(self._store.release_adapter, version.name, version.number)
        pinned = await self._look()
        self._leaving.add(version.ref)
        async with self._changing:
            await self._let_go(pinned)
        return self._status(version.ref, pinned)

    async def reconcile(self) -> None:
        """Make the engine have what is wanted, and no more; nothing where it is not ready.

        Raises what the store and the engine raise. One adapter that cannot be loaded does not keep another out.
        """
        pinned = await self._look()
        if not self._ready():
            return
        async with self._changing:
            await self._see()
            await self._let_go(pinned)
        for ref in pinned:
            if self.is_registered(ref) and not self.is_loaded(ref):
                try:
                    await self.ensure(ref)
                except TandemError as error:
                    log.debug(
                        "adapter_still_missing", adapter=ref, error=error.message
                    )  # `Loads` has said it

    def status(self) -> list[AdapterStatus]:
        """Those that are loaded, and those that should be."""
        pinned = {*self._wanted, self._champion_model()}
        refs = {ref for ref in (*pinned, *self._loaded, *self._loads.failed()) if self.is_registered(ref)}
        return [self._status(ref, pinned) for ref in sorted(refs)]

    def forget(self, model: str) -> None:
        """The engine does not know `model`: somebody else unloaded it, or vLLM was started anew."""
        self._loaded.pop(model, None)
        self._metrics.adapters_loaded(len(self._loaded))

    async def close(self) -> None:
        """End the loads that are going on; what is loaded stays so."""
        await self._loads.close()

    def _ready(self) -> bool:
        return self._engine.state is EngineState.READY

    def _champion_model(self) -> str:
        return self._book.find(self._book.champion).model

    def _path(self, ref: str) -> Path:
        name, _, number = ref.partition("@")
        return self._root / name / number

    def _status(self, ref: str, pinned: Iterable[str]) -> AdapterStatus:
        failure = self._loads.failed().get(ref)
        return AdapterStatus(
            ref=ref,
            pinned=ref in pinned,
            loaded=self.is_loaded(ref),
            in_flight=self._in_flight[ref],
            failure=failure.message if failure else None,
        )

    async def _look(self) -> set[str]:
        """What is to stay loaded: what the store wants, and the champion's."""
        self._wanted = tuple(await in_thread(self._store.served_adapters))
        champion = self._champion_model()
        return {*self._wanted, *([champion] if self.is_registered(champion) else [])}

    async def _load(self, ref: str) -> None:
        async with self._changing:
            if not self.is_loaded(ref):
                await self._load_now(ref)

    async def _load_now(self, ref: str) -> None:
        version = await in_thread(self._registry.get, ref)
        await in_thread(check_fits, version, self._settings, self._model_dir)
        await in_thread(self._registry.verify, version)
        await self._see()
        if ref in self._loaded:
            return  # by another server, or before this one was started
        await self._make_room()
        start = self._engine.starts
        try:
            await self._client.load_adapter(ref, self._path(ref))
        except InvalidRequestError:
            # Another server may have been first.
            if (folder := (await self._client.adapters()).get(ref)) != str(self._path(ref)):
                if folder is None:
                    raise
                raise ConflictError(
                    f"The engine has a {ref} already, from {folder}; here it is in {self._path(ref)}",
                    param="adapter",
                    hint="Give each Tandem with a registry of its own an engine of its own.",
                ) from None
        except NotFoundError as error:
            raise NotFoundError(
                f"The engine finds no adapter in {self._path(ref)}",
                param="engine.adapters_dir",
                hint="Let its machine see the folder `adapters` of the data folder, and set engine.adapters_dir to "
                "where that is there.",
            ) from error
        if start == self._engine.starts:
            self._loaded[ref] = time.monotonic()
            self._metrics.adapters_loaded(len(self._loaded))

    async def _see(self) -> None:
        """Take over what the engine has, of those that are ours."""
        start = self._engine.starts
        there = await self._client.adapters()
        now = time.monotonic()
        ours = [ref for ref, at in there.items() if self.is_registered(ref) and at == str(self._path(ref))]
        known = self._loaded if start == self._start else {}
        self._loaded = {ref: known.get(ref, now) for ref in ours}
        self._start = start
        self._metrics.adapters_loaded(len(self._loaded))

    async def _make_room(self) -> None:
        """Unload what is longest unused until one more fits. Where all are in use, one too many is no harm: vLLM
        keeps as many in memory as it may, and reads another again when it is asked.
        """
        pinned = await self._look()
        for ref in sorted(self._loaded, key=self._loaded.__getitem__):
            if len(self._loaded) < self._settings.max_cpu_loras:
                return
            if ref not in pinned:
                await self._unload_drained(ref)

    async def _let_go(self, pinned: set[str]) -> None:
        """Unload what nobody needs and nobody is asking."""
        named = {self._book.find(name).model for name in self._book.names()} | pinned
        now = time.monotonic()
        for ref, used in list(self._loaded.items()):
            idle = ref not in named and now - used > _IDLE_S
            if (ref in self._leaving and ref not in pinned) or idle:
                await self._unload_drained(ref)
        self._leaving &= self._loaded.keys()

    async def _unload_drained(self, ref: str) -> None:
        if self._in_flight[ref]:
            return
        # Before the engine is told: a request from now on waits for `_changing`, and loads it again.
        self.forget(ref)
        try:
            await self._client.unload_adapter(ref)
        except NotFoundError:
            log.debug("adapter_was_gone", adapter=ref)
        log.info("adapter_unloaded", adapter=ref)
