"""What a question finds while documents are replaced under it, with the real store, index and embedder."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from ingest_parts import Parts, opened

from bench import readers
from ingest import Ingestor, Upload
from server.answering.retrieve import search_current
from tandem.embedding import Embedder, load_embedder
from tandem.index import Query, tenant
from tandem.settings import EmbeddingSettings
from tandem.vocabulary import Caller, Passage, Scope

CALLER = Caller("acme")
SCOPE = Scope.of(CALLER)
WORDS = ("lantern", "furnace")


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    embedder = load_embedder(EmbeddingSettings())
    yield embedder
    embedder.close()


@pytest.fixture
async def parts(embedder: Embedder, tmp_path: Path) -> AsyncIterator[Parts]:
    async with opened(embedder, tmp_path) as parts:
        yield parts


def document(word: str, sections: int = 12) -> Upload:
    parts = [f"## Part {n}\n\nThe {word} is number {n}." for n in range(sections)]
    return Upload("doc", "doc.md", "\n\n".join(parts).encode())


async def search(parts: Parts, word: str, limit: int = 4) -> list[Passage]:
    query = Query(word, await parts.embedder.embed_query(word), limit)
    return await search_current(SCOPE, query, parts.index, parts.store)


async def test_the_words_are_looked_for_while_the_vector_is_on_its_way(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    await parts.ingestor().ingest(CALLER, "docs", document(WORDS[0]))
    expected = await search(parts, WORDS[0])
    legs, real = [], tenant._hits
    monkeypatch.setattr(tenant, "_hits", lambda found: legs.append(len(found)) or real(found))
    coming: Future[Any] = Future()
    query = Query(WORDS[0], coming, 4)
    searching = asyncio.create_task(search_current(SCOPE, query, parts.index, parts.store))
    async with asyncio.timeout(20):
        while not legs:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert (len(legs), searching.done()) == (1, False)
    coming.set_result(await parts.embedder.embed_query(WORDS[0]))
    assert await searching == expected
    assert len(legs) == 2


def words_of(passages: list[Passage]) -> set[str]:
    return {word for word in WORDS for passage in passages if word in passage.chunk.text}


async def halfway(parts: Parts, ingestor: Ingestor, monkeypatch: pytest.MonkeyPatch) -> asyncio.Task[object]:
    """The second version is in the index beside the first, and the switch waits until it is let go."""
    await ingestor.ingest(CALLER, "docs", document(WORDS[0]))
    waiting, loop = asyncio.Event(), asyncio.get_running_loop()
    gate = asyncio.Event()
    real = parts.store.commit_version

    def waiting_commit(*arguments: str, **named: int) -> str | None:
        loop.call_soon_threadsafe(waiting.set)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(30)
        return real(*arguments, **named)

    monkeypatch.setattr(parts.store, "commit_version", waiting_commit)
    task = asyncio.create_task(ingestor.ingest(CALLER, "docs", document(WORDS[1])))
    await asyncio.wait_for(waiting.wait(), 20)
    task.let_go = gate.set  # type: ignore[attr-defined]
    return task


async def test_a_version_that_nobody_may_see_does_not_hide_the_one_that_counts(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its chunks are by far the better ones for the question, and more than were asked for."""
    writing = await halfway(parts, parts.ingestor(), monkeypatch)
    found = await search(parts, WORDS[1])
    assert words_of(found) == {WORDS[0]}
    assert len(found) == 4
    writing.let_go()  # type: ignore[attr-defined]
    await writing
    assert words_of(await search(parts, WORDS[0])) == {WORDS[1]}


async def test_a_switch_between_the_search_and_the_look_at_versions_is_noticed(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = await halfway(parts, parts.ingestor(), monkeypatch)
    query = Query(WORDS[1], await parts.embedder.embed_query(WORDS[1]), 4)
    real, loop, calls = parts.index.search_with, asyncio.get_running_loop(), 0

    async def switch() -> None:
        writing.let_go()  # type: ignore[attr-defined]
        await writing

    async def switching_search(scope: Scope, query: Query, look: Callable[[list[Passage]], Any]) -> Any:
        nonlocal calls
        calls += 1

        def later(found: list[Passage]) -> Any:
            if calls == 2:  # what was left out in this search counts from now on
                asyncio.run_coroutine_threadsafe(switch(), loop).result(30)
            return look(found)

        return await real(scope, query, later)

    monkeypatch.setattr(parts.index, "search_with", switching_search)
    found = await search_current(SCOPE, query, parts.index, parts.store)
    assert words_of(found) == {WORDS[1]}
    assert len(found) == 4


async def test_readers_beside_a_writer_see_one_version_always(parts: Parts) -> None:
    """A short form of `python -m bench.readers`."""
    wanted = readers.Wanted(reads=2_000, replacements=6, readers=20, documents=3, seed=1)
    seen = await readers.measure(parts.store, parts.index, parts.embedder, wanted)
    assert (seen["empty"], seen["mixed"]) == (0, 0)
    assert seen["reads"] >= 2_000
    assert min(seen["reads_of_each_version"]) > 0
