"""Two servers over one store and one index: what one removes, the other may just be writing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from ingest_parts import Parts, opened
from pausing_index import PausingIndex
from sqlalchemy import select

from ingest import Ingestor, Upload
from ingest.jobs import JobWorker
from ingest.jobs import worker as worker_module
from ingest.locks import to_its_end
from tandem.embedding import Embedder
from tandem.errors import ConflictError, UnavailableError
from tandem.live import Collection, Live
from tandem.settings import IngestSettings
from tandem.store.schema import CURRENT, versions
from tandem.vocabulary import Caller, Scope, document_id

CALLER = Caller("acme")
SCOPE = Scope.of(CALLER)
KNOWN = document_id("acme", "docs", "u")
SETTINGS = IngestSettings(near_duplicates=0.0)


def upload(word: str) -> Upload:
    return Upload("u", "u.txt", f"The {word} stands in the northern hall.".encode())


@pytest.fixture
async def parts(embedder: Embedder, store_url: str | None, tmp_path: Path) -> AsyncIterator[Parts]:
    async with opened(embedder, tmp_path, store_url) as parts:
        yield parts


@pytest.fixture
async def server(parts: Parts) -> AsyncIterator[Callable[..., Ingestor]]:
    """Makes servers: each with a worker's name, locks of its own, and maybe an index that stands still."""
    made = []

    def make(name: str, index: PausingIndex | None = None) -> Ingestor:
        parts.store.register_worker(name)
        live = Live(Collection(None, index or parts.index, parts.embedder))
        made.append(Ingestor(parts.store, live, SETTINGS, name))
        return made[-1]

    yield make
    for ingestor in made:
        await ingestor.close()


def unswept(parts: Parts) -> list[str]:
    """The versions that readers do not see, whoever writes or sweeps them."""
    with parts.store._engine.connect() as connection:
        return list(
            connection.execute(select(versions.c.version).where(versions.c.state != CURRENT)).scalars()
        )


async def searchable(parts: Parts) -> set[str]:
    """The versions that the index holds chunks of."""
    return {chunk.version async for chunk in parts.index.chunks()}


async def test_a_document_that_returns_to_a_version_under_anothers_sweep_loses_no_chunk(
    parts: Parts, server: Callable[..., Ingestor]
) -> None:
    index = PausingIndex(parts.index, "delete_version")
    one, other = server("one", index), server("other")
    await one.ingest(CALLER, "docs", upload("lantern"))
    replacing = asyncio.create_task(one.ingest(CALLER, "docs", upload("anchor")))
    await index.reached.wait()  # it is about to remove the chunks of the lantern
    with pytest.raises(ConflictError, match="just removing"):
        await other.ingest(CALLER, "docs", upload("lantern"))
    index.go_on.set()
    assert (await replacing).status == "replaced"
    assert (await other.ingest(CALLER, "docs", upload("lantern"))).status == "replaced"
    assert await searchable(parts) == set(parts.store.current_versions("acme", [KNOWN]).values())
    assert unswept(parts) == []


async def test_a_second_cancellation_does_not_let_a_sweep_go_on_behind_the_lock(
    parts: Parts, server: Callable[..., Ingestor]
) -> None:
    index = PausingIndex(parts.index, "delete_version")
    one = server("one", index)
    await one.ingest(CALLER, "docs", upload("lantern"))
    replacing = asyncio.create_task(one.ingest(CALLER, "docs", upload("anchor")))
    await index.reached.wait()
    for _ in range(3):
        replacing.cancel()
        await asyncio.sleep(0.01)
    returning = asyncio.create_task(one.ingest(CALLER, "docs", upload("lantern")))
    await asyncio.sleep(0.2)
    assert not returning.done()
    index.go_on.set()
    await returning
    assert await searchable(parts) == set(parts.store.current_versions("acme", [KNOWN]).values())
    with pytest.raises(asyncio.CancelledError):
        await replacing


async def test_what_a_sweep_could_not_remove_is_removed_while_the_server_lives(
    parts: Parts, server: Callable[..., Ingestor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_TIDY_S", 0.05)
    one = server("one")
    await one.ingest(CALLER, "docs", upload("lantern"))

    async def absent(*_: object) -> int:
        raise UnavailableError("The Qdrant server does not serve")

    with monkeypatch.context() as patch:
        patch.setattr(type(parts.index), "delete_version", absent)
        report = await one.ingest(CALLER, "docs", upload("anchor"))
        assert len(report.warnings) == 1
    assert len(await searchable(parts)) == 2
    working = asyncio.create_task(JobWorker(parts.store, one, SETTINGS, "one").run())
    async with asyncio.timeout(20):
        while parts.store.leftovers(writer="one"):
            await asyncio.sleep(0.02)
    working.cancel()
    await asyncio.wait([working])
    assert await searchable(parts) == set(parts.store.current_versions("acme", [KNOWN]).values())


async def test_a_version_that_was_swept_while_it_was_written_leaves_no_chunk(
    parts: Parts, server: Callable[..., Ingestor]
) -> None:
    """As where a server stood still for so long that another took it for dead."""
    index = PausingIndex(parts.index, "upsert")
    one, other = server("one", index), server("other")
    writing = asyncio.create_task(one.ingest(CALLER, "docs", upload("lantern")))
    await index.reached.wait()
    parts.store.leave_worker("one")
    assert await other.repair() == 1
    parts.store.seen_worker("one")
    index.go_on.set()
    with pytest.raises(ConflictError):
        await writing
    assert await searchable(parts) == set()
    assert unswept(parts) == []


async def test_a_repair_leaves_alone_what_its_own_server_is_writing(
    parts: Parts, server: Callable[..., Ingestor]
) -> None:
    index = PausingIndex(parts.index, "upsert")
    one = server("one", index)
    writing = asyncio.create_task(one.ingest(CALLER, "docs", upload("lantern")))
    await index.reached.wait()
    async with asyncio.timeout(10):
        assert await one.repair() == 0
    index.go_on.set()
    assert (await writing).status == "created"


@pytest.mark.parametrize("corpus", ["docs", None], ids=["corpus", "tenant"])
@pytest.mark.parametrize("by", ["one", "other"], ids=["by the same server", "by another server"])
@pytest.mark.parametrize("word", ["lantern", "anchor"], ids=["as it was", "changed"])
async def test_what_comes_into_a_corpus_that_is_just_being_removed_loses_no_chunk(
    parts: Parts, server: Callable[..., Ingestor], word: str, by: str, corpus: str | None
) -> None:
    index = PausingIndex(parts.index, "delete")
    servers = {"one": server("one", index), "other": server("other")}
    remove = servers["one"].remove
    await servers["one"].ingest(CALLER, "docs", upload("lantern"))
    removing = asyncio.create_task(remove.corpus(CALLER, corpus) if corpus else remove.tenant(CALLER))
    await index.reached.wait()
    with pytest.raises(ConflictError, match="just being removed"):
        await servers[by].ingest(CALLER, "docs", upload(word))
    index.go_on.set()
    await removing
    assert unswept(parts) == []
    assert await searchable(parts) == set()
    assert (await servers[by].ingest(CALLER, "docs", upload(word))).status == "created"
    assert await searchable(parts) == set(parts.store.current_versions("acme", [KNOWN]).values())


async def test_a_removal_that_failed_holds_nothing_back(
    parts: Parts, server: Callable[..., Ingestor], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = server("one")
    await one.ingest(CALLER, "docs", upload("lantern"))

    async def absent(*_: object) -> int:
        raise UnavailableError("The Qdrant server does not serve")

    def refusing_store(*_: object) -> None:
        raise UnavailableError("The database server cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(type(parts.index), "delete", absent)
        patch.setattr(parts.store, "end_hold", refusing_store)
        with pytest.raises(UnavailableError, match="Qdrant"):
            await one.remove.corpus(CALLER, "docs")
    with pytest.raises(ConflictError):
        await one.ingest(CALLER, "docs", upload("anchor"))
    await one.repair()
    assert (await one.ingest(CALLER, "docs", upload("anchor"))).status == "created"
    assert await searchable(parts) == set(parts.store.current_versions("acme", [KNOWN]).values())


@pytest.mark.parametrize("scoped", [False, True], ids=["by its task", "by a scope"])
async def test_a_step_that_writes_is_waited_for_however_often_it_is_cancelled(scoped: bool) -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), []

    async def step() -> None:
        begun.set()
        await go_on.wait()
        ended.append(1)

    scope = anyio.CancelScope()

    async def cancellable() -> None:
        with scope:
            await to_its_end(step())

    task = asyncio.create_task(cancellable())
    await begun.wait()
    for _ in range(3):
        if scoped:
            scope.cancel()
        else:
            task.cancel()
        await asyncio.sleep(0.01)
        assert not task.done()
    go_on.set()
    with suppress(asyncio.CancelledError):
        await task
    assert ended == [1]
