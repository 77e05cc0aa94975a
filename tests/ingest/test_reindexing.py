"""Re-embedding with the real store, index and embedders; the second embedder has other prompts."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient
from running import environment_for, tandem_command

from ingest import Ingestor, Upload
from ingest.beside import Beside
from ingest.jobs import join_workers
from ingest.reindexing import Reindexer, wish_of
from server.answering.retrieve import retrieve
from server.answering.timings import Timings
from server.monitoring import Metrics
from server.resilience import Resilience
from tandem.embedding import Embedder
from tandem.errors import ConflictError
from tandem.index import Leg
from tandem.live import Live, open_collection, open_live
from tandem.retrieval_profile import RetrievalProfile
from tandem.settings import EmbeddingSettings, IndexSettings, Settings
from tandem.store import Store, open_store
from tandem.vocabulary import Caller, Marks, Scope, Where, document_id

CALLER = Caller()
MODEL = EmbeddingSettings().model
PROFILE = RetrievalProfile(
    passages=10, leg=Leg.HYBRID, evidence=0, context_tokens=500, citing="keep", support=0
)


class Parts(SimpleNamespace):
    """One process: store, live collection, ingestor and reindexer."""

    settings: Settings
    store: Store
    live: Live
    ingestor: Ingestor
    reindexer: Reindexer

    async def put(self, name: str, text: str, corpus: str = "docs", marks: Marks | None = None) -> str:
        upload = Upload(name, f"{name}.md", text.encode(), marks=marks or Marks())
        return (await self.ingestor.ingest(CALLER, corpus, upload)).status

    async def reindex(self, query_prompt: str = "query: ") -> Any:
        self.store.request_reindexing(wish_of(self.settings, MODEL, query_prompt, "passage: "), "tests")
        await self.reindexer.run_next()
        return self.store.reindexing()

    async def ask(self, question: str, corpus: str = "docs") -> dict[str, float]:
        """Chunk to similarity."""
        found = await retrieve(CALLER, question, (corpus,), Where(), PROFILE, self, Timings())
        return {passage.chunk.id: passage.similarity for passage in found}

    async def held(self) -> set[tuple[str, str]]:
        """What the collection that answers holds: documents with their versions."""
        index = self.live.collection.index
        return {(chunk.document_id, chunk.version) async for chunk in index.chunks()}

    def current(self) -> set[tuple[str, str]]:
        found = [
            self.store.document(CALLER, corpus.name, record.id)
            for corpus in self.store.corpora(CALLER)
            for record in self.store.documents(CALLER, corpus.name, 1_000)
        ]
        return {(record.id, record.version) for record in found if record.duplicate_of is None}


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[Parts]:
    async with AsyncExitStack() as stack:
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        live = await open_live(store, settings)
        stack.push_async_callback(live.close)
        me = join_workers(store, stack)
        ingestor = Ingestor(store, live, settings.ingest, me, Beside(store, settings))
        stack.push_async_callback(ingestor.close)
        await ingestor.repair()
        reindexer = Reindexer(store, settings, me, ingestor)
        yield Parts(
            settings=settings,
            store=store,
            live=live,
            ingestor=ingestor,
            reindexer=reindexer,
            metrics=Metrics(),
            resilience=Resilience(),
        )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
async def parts(settings: Settings) -> AsyncIterator[Parts]:
    async with process(settings) as parts:
        yield parts


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every text of a document that is embedded, by the real embedder."""
    texts: list[str] = []
    real = Embedder.embed_documents

    def counted(self: Embedder, wanted: list[str], *rest: Any) -> np.ndarray:
        texts.extend(wanted)
        return real(self, wanted, *rest)

    monkeypatch.setattr(Embedder, "embed_documents", counted)
    yield texts


class SharedQdrant(AsyncQdrantClient):
    """The client's local mode, which all indexes of a test share, as they would share a server."""

    async def close(self, **_: Any) -> None:
        """A server outlives its clients."""


@pytest.fixture
def on_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a Qdrant server, which any number of processes may use."""
    client = SharedQdrant(":memory:")
    monkeypatch.setattr("tandem.index.server.connect", lambda _: client)
    return Settings(data_dir=tmp_path, index=IndexSettings(url="http://qdrant:6333"))


@pytest.fixture(params=["settings", "on_server"], ids=["edge", "server"])
async def either(request: pytest.FixtureRequest) -> AsyncIterator[Parts]:
    """The parts, over each engine of the index."""
    async with process(request.getfixturevalue(request.param)) as parts:
        yield parts


def sentence(word: str) -> str:
    return f"# {word}\n\nThe {word} of the harbour is looked after by the keeper of the {word}.\n"


WORDS = ("crane", "lamp", "anchor", "rope", "barge", "pilot")


async def test_there_and_back_and_the_other_dropped(either: Parts, embedded: list[str]) -> None:
    parts = either
    for word in WORDS:
        await parts.put(word, sentence(word))
    await parts.put("copy", sentence("lamp"))
    old = parts.live.collection
    before = await parts.ask("Who looks after the anchor?")
    del embedded[:]
    done = await parts.reindex()
    assert (done.state, done.documents, done.total, done.chunks) == ("done", 6, 6, len(embedded))
    new = parts.live.collection
    assert new.embedder.fingerprint != old.embedder.fingerprint
    assert parts.store.active_collection().name == new.name != old.name
    after = await parts.ask("Who looks after the anchor?")
    assert after.keys() == before.keys()
    assert after != before
    # An unchanged file is unchanged, though another embedder answers.
    del embedded[:]
    assert await parts.put("lamp", sentence("lamp")) == "unchanged"
    assert embedded == []
    assert await parts.put("rope", sentence("rope and chain")) == "replaced"
    await parts.ingestor.remove.document(CALLER, "docs", document_id("default", "docs", "crane"))
    assert await parts.held() == parts.current()
    del embedded[:]
    parts.store.request_reindexing(None, "tests")
    await parts.reindexer.run_next()
    assert parts.live.collection.name == old.name
    assert await parts.held() == parts.current()
    # Only what had changed was embedded, and what was unchanged is found as before.
    assert embedded
    assert [text for text in embedded if "rope and chain" not in text] == []
    again = await parts.ask("Who looks after the anchor?")
    kept = before.keys() & again.keys()
    assert len(kept) == 4
    assert {one: again[one] for one in kept} == pytest.approx({one: before[one] for one in kept}, abs=1e-3)
    assert await Beside(parts.store, parts.settings).drop() == [new.name]
    assert [one.state for one in parts.store.collections()] == ["active"]
    assert await parts.held() == parts.current()


async def test_readers_and_writers_go_on_and_the_switch_is_one_step(parts: Parts) -> None:
    for word in WORDS:
        await parts.put(word, sentence(word), "steady")
    for n in range(40):
        await parts.put(f"note {n}", sentence(f"buoy {n} ") * 8)
    question = "Who looks after the lamp?"
    seen: list[dict[str, float]] = []
    ended = asyncio.Event()

    async def read() -> None:
        while not ended.is_set():
            seen.append(await parts.ask(question, "steady"))

    async def write() -> int:
        n = 0
        while not ended.is_set():
            await parts.put(f"note {n % 40}", sentence(f"changed {n} ") * 3)
            await parts.put(f"new {n}", sentence(f"new {n} "))
            gone = document_id("default", "docs", f"note {39 - n % 30}")
            if parts.store.document_or_none(CALLER, "docs", gone):
                await parts.ingestor.remove.document(CALLER, "docs", gone)
            n += 1
        return n

    old = await parts.ask(question, "steady")
    tasks = [asyncio.create_task(read()) for _ in range(8)]
    writer = asyncio.create_task(write())
    done = await parts.reindex()
    await asyncio.sleep(0.5)
    ended.set()
    await asyncio.gather(*tasks)
    assert await writer > 1
    assert done.state == "done", done.error
    new = await parts.ask(question, "steady")
    assert all(abs(old[chunk] - new[chunk]) > 0.01 for chunk in old.keys() & new.keys())
    every_old, every_new = (
        await similarities(parts, question, "retired"),
        await similarities(parts, question, "active"),
    )

    def of_one(answer: dict[str, float]) -> bool:
        return any(
            all(abs(score - every[chunk]) < 1e-3 for chunk, score in answer.items())
            for every in (every_old, every_new)
        )

    assert [answer for answer in seen if not answer or not of_one(answer)] == []
    assert any(abs(answer[chunk] - every_old[chunk]) < 1e-3 for answer in seen for chunk in answer)
    assert await parts.held() == parts.current()


async def similarities(parts: Parts, question: str, state: str) -> dict[str, float]:
    """Chunk to cosine with the question, in the collection of this state."""
    if state == "active":
        collection = parts.live.collection
    else:
        known = next(one for one in parts.store.collections() if one.state == state)
        collection = await open_collection(known, parts.settings)
    asked = await collection.embedder.embed_query(question)
    chunks = [chunk async for chunk in collection.index.chunks() if chunk.corpus == "steady"]
    vectors = collection.embedder.embed_documents([chunk.indexed_text for chunk in chunks])
    if state != "active":
        await collection.close()
    return {chunk.id: float(vector @ asked) for chunk, vector in zip(chunks, vectors, strict=True)}


async def test_a_killed_re_embedding_embeds_no_document_twice(
    settings: Settings, tmp_path: Path, embedded: list[str]
) -> None:
    async with process(settings) as parts:
        for n in range(60):
            await parts.put(f"log {n}", "\n\n".join(sentence(f"entry {n} part {m} ") * 2 for m in range(6)))
        total = await parts.live.collection.index.count(Scope.of(CALLER))
    command = [
        sys.executable,
        "-m",
        "tandem",
        "reindex",
        "--embedder",
        MODEL,
        "--document-prompt",
        "passage: ",
    ]
    with subprocess.Popen(
        [*command, "--query-prompt", "query: ", "--json"],
        env=environment_for(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    ) as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if json.loads(line)["documents"]:
                break
        killed.kill()
    store = open_store(settings.store, tmp_path)
    stood = store.reindexing()
    assert stood is not None
    assert stood.unfinished, "it was too fast to be killed in the middle"
    assert 0 < stood.documents < 60
    store.close()
    del embedded[:]
    async with process(settings) as parts:
        await parts.reindexer.run_next()
        done = parts.store.reindexing()
        assert done is not None
        assert (done.id, done.state, done.documents) == (stood.id, "done", 60)
        assert len(embedded) == total - stood.chunks
        assert await parts.held() == parts.current()
        assert await parts.live.collection.index.count(Scope.of(CALLER)) == total


async def test_another_process_cannot_write_to_the_old_collection_and_follows(on_server: Settings) -> None:
    async with process(on_server) as one, process(on_server) as other:
        for word in WORDS:
            await one.put(word, sentence(word))
        await one.reindex()
        # It answers with what it has, whole, but what it writes and removes would be lost.
        assert len(await other.ask("Who looks after the lamp?")) == len(WORDS)
        with pytest.raises(ConflictError):
            await other.put("late", sentence("late"))
        await other.ingestor.remove.document(CALLER, "docs", document_id("default", "docs", "lamp"))
        serving = asyncio.create_task(other.reindexer.serve())
        while other.live.collection.name != one.live.collection.name:
            await asyncio.sleep(0.05)
        while other.store.leftovers(writer=other.ingestor._worker):  # those that the removal had to leave
            await asyncio.sleep(0.05)
        serving.cancel()
        await asyncio.wait([serving])
        assert await other.put("late", sentence("late")) == "created"
        assert await one.held() == await other.held() == one.current()


async def test_an_embedder_that_cannot_be_loaded_changes_nothing(parts: Parts) -> None:
    await parts.put("lamp", sentence("lamp"))
    before, known = parts.live.collection, parts.store.collections()
    parts.store.request_reindexing(wish_of(parts.settings, "/nowhere/at/all", "", ""), "tests")
    await parts.reindexer.run_next()
    failed = parts.store.reindexing()
    assert failed is not None
    assert failed.error is not None
    assert (failed.state, failed.error["type"]) == ("failed", "model_source_error")
    assert (parts.live.collection, parts.store.collections()) == (before, known)
    # Nor does the embedder that answers already, in another number format or not.
    parts.store.request_reindexing(wish_of(parts.settings, None, "", ""), "tests")
    await parts.reindexer.run_next()
    same = parts.store.reindexing()
    assert same is not None
    assert same.error is not None
    assert (same.state, same.error["type"]) == ("failed", "invalid_request_error")
    assert await parts.ask("Who looks after the lamp?")


async def test_a_second_re_embedding_is_refused_while_one_runs(parts: Parts) -> None:
    for n in range(20):
        await parts.put(f"note {n}", sentence(f"buoy {n} ") * 20)
    running = asyncio.create_task(parts.reindex())
    while not (known := parts.store.reindexing()) or known.state != "running":
        await asyncio.sleep(0.01)
    with pytest.raises(ConflictError):
        parts.store.request_reindexing(wish_of(parts.settings, MODEL, "other: ", ""), "tests")
    with pytest.raises(ConflictError):
        await Beside(parts.store, parts.settings).drop()
    assert (await running).state == "done"


async def test_a_removal_leaves_the_other_collection_too_and_expiry_moves_there(parts: Parts) -> None:
    for word in WORDS:
        await parts.put(word, sentence(word))
    old = parts.live.collection
    await parts.reindex()
    gone = document_id("default", "docs", "lamp")
    receipt = await parts.ingestor.remove.document(CALLER, "docs", gone)
    assert receipt.removed["index.chunks"] == 2
    later = datetime.now(UTC) + timedelta(days=3)
    assert await parts.put("rope", sentence("rope"), marks=Marks(expires_at=later)) == "unchanged"
    known = next(one for one in parts.store.collections() if one.name == old.name)
    before = await open_collection(known, parts.settings)
    assert gone not in {chunk.document_id async for chunk in before.index.chunks()}
    await before.close()
    parts.store.request_reindexing(None, "tests")
    await parts.reindexer.run_next()
    expiries = {c.document_id: c.marks.expires_at async for c in parts.live.collection.index.chunks()}
    assert expiries[document_id("default", "docs", "rope")] == later


async def test_changed_settings_alone_change_nothing_until_reindex(
    settings: Settings, tmp_path: Path
) -> None:
    async with process(settings) as parts:
        await parts.put("lamp", sentence("lamp"))
        name, fingerprint = parts.live.collection.name, parts.live.collection.embedder.fingerprint
    other = Settings(
        data_dir=tmp_path, embedding=EmbeddingSettings(document_prompt="passage: ", dtype="float32")
    )
    async with process(other) as parts:
        assert (parts.live.collection.name, parts.live.collection.embedder.fingerprint) == (name, fingerprint)
        assert await parts.ask("Who looks after the lamp?")
        assert await parts.put("lamp", sentence("lamp")) == "unchanged"
    environment = environment_for(tmp_path, TANDEM_EMBEDDING__DOCUMENT_PROMPT="passage: ")
    done = tandem_command("reindex", environment=environment)
    assert (done.returncode, "1 documents" in done.stdout) == (0, True), done.stderr
    told = json.loads(tandem_command("status", "--json", environment=environment).stdout)
    assert told["collection"]["name"] != name
    async with process(other) as parts:
        assert parts.live.collection.embedder.fingerprint != fingerprint
        assert await parts.ask("Who looks after the lamp?")
    assert tandem_command("reindex", "--drop", environment=environment).returncode == 0
    assert not (tmp_path / "index" / str(name)).exists()
