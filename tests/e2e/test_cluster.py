"""Ray on one machine against the local engine: the same in the end, though processes die."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dying_embedder
import numpy as np
import psutil
import pytest
from dying_embedder import MARK, DyingEmbeddingWriter
from mixed_corpus import write_corpus
from qdrant_stand_in import stand_in
from ray.cloudpickle import register_pickle_by_value
from running import environment_for, lives, tandem_command

from ingest import Ingestor
from ingest.cluster.flow import flow
from ingest.cluster.runner import ClusterRunner, Flow
from ingest.cluster.starting import cluster
from ingest.jobs import JobRunner, JobWorker, join_workers
from ingest.manifest import Manifest
from ingest.sources import FilesSource
from tandem.embedding import Embedder, load_embedder
from tandem.index import Index, Leg, Query
from tandem.live import Live, deciding, opened, record_of
from tandem.settings import EmbeddingSettings, IndexSettings, IngestSettings, RaySettings, Settings
from tandem.store import Job, Store, open_store
from tandem.vocabulary import Caller, Chunk, Scope

SMALL = partial(flow, batch_rows=32)
"""Several batches of a small corpus, so that both embedders have work."""


@dataclass
class Result:
    """What a run has left behind."""

    job: Job
    documents: dict[str, tuple[object, ...]]
    chunks: dict[str, Chunk]
    failures: dict[str, object]
    leftovers: int


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("sources") / "corpus")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedder]:
    embedder = load_embedder(EmbeddingSettings())
    yield embedder
    embedder.close()


@pytest.fixture(scope="module")
def local(corpus: Path, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return asyncio.run(_ingested(Settings(data_dir=tmp_path_factory.mktemp("local")), corpus, embedder, None))


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    # The processes of Ray have the product on their path, and not the folder of tests.
    register_pickle_by_value(dying_embedder)
    with cluster(RaySettings(readers=1)):
        yield


async def _live(store: Store, settings: Settings, embedder: Embedder) -> Live:
    """The collection that answers is called otherwise than the settings say, and has another embedder."""
    record = record_of("answering", embedder, deciding(EmbeddingSettings()))
    active = await asyncio.to_thread(store.found_collection, record)
    return Live(await opened(embedder, settings, active.name))


async def _similarities(index: Index, chunks: dict[str, Chunk], embedder: Embedder) -> list[float]:
    """Of each chunk's vector in the index and the same text embedded here."""
    similarities = []
    vectors = embedder.embed_documents([chunk.indexed_text for chunk in chunks.values()])
    for chunk, vector in zip(chunks.values(), vectors, strict=True):
        found = await index.search(Scope("default"), Query(chunk.text, vector, 5, Leg.DENSE))
        similarities += [passage.similarity for passage in found if passage.chunk.id == chunk.id]
    return similarities


async def _ingested(settings: Settings, folder: Path, embedder: Embedder, flow: Flow | None) -> Result:
    """One job over the folder; by the local engine if there is no `flow`."""
    async with AsyncExitStack() as stack:
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        live = await _live(store, settings, embedder)
        index = live.collection.index
        stack.push_async_callback(index.close)
        me = join_workers(store, stack)
        ingestor = Ingestor(store, live, settings.ingest, me)
        stack.push_async_callback(ingestor.close)
        runner: JobRunner | None = None
        if flow is not None:
            runner = ClusterRunner(store, ingestor, settings, me, flow)
        worker = JobWorker(store, ingestor, settings.ingest, me, runner)
        manifest = Manifest(corpus="docs", sources=(FilesSource(paths=(folder,)),))
        job = store.create_job(Caller(), "docs", manifest.model_dump(mode="json"), worker=me)
        await worker.run_one(Caller(), job.id)
        chunks = {chunk.id: chunk async for chunk in index.chunks()}
        return _result(store, job.id, chunks)


def _result(store: Store, job_id: str, chunks: dict[str, Chunk]) -> Result:
    records = store.documents(Caller(), "docs", 10_000)
    failures = store.job_documents(Caller(), job_id, "failed", -1, 1_000)
    return Result(
        store.job(Caller(), job_id),
        {one.id: (one.uri, one.version, one.title, one.chunks, one.duplicate_of) for one in records},
        chunks,
        {one.uri: (one.error, one.tries) for one in failures},
        len(store.leftovers()),
    )


def _of_copies(result: Result) -> dict[frozenset[str], list[object]]:
    """What is known of each document; of copies together, for the first to arrive stands for the others."""
    copies: dict[str, set[str]] = {}
    for id_, (*_, original) in result.documents.items():
        copies.setdefault(str(original or id_), set()).add(id_)
    known: dict[frozenset[str], list[object]] = {}
    for original, ids in copies.items():
        chunks = [chunk for chunk in result.chunks.values() if chunk.document_id in ids]
        if len(ids) == 1:
            known[frozenset(ids)] = [result.documents[original], *sorted(chunks, key=lambda one: one.id)]
        else:
            _, version, _, count, _ = result.documents[original]
            known[frozenset(ids)] = [version, count, *sorted(chunk.text for chunk in chunks)]
    return known


def _assert_same(result: Result, local: Result) -> None:
    assert result.job.state == "done"
    assert dict(result.job.counts) == dict(local.job.counts)
    assert (result.job.chunks, result.job.tokens) == (local.job.chunks, local.job.tokens)
    assert _of_copies(result) == _of_copies(local)
    assert result.failures == local.failures
    assert result.leftovers == 0


async def test_actors_write_to_a_server_though_one_dies_over_a_batch(
    local: Result, corpus: Path, embedder: Embedder, ray_here: None, tmp_path: Path
) -> None:
    dying = partial(SMALL, embedder=DyingEmbeddingWriter)
    with stand_in() as server:
        settings = Settings(
            data_dir=tmp_path,
            index=IndexSettings(url=server.url),
            embedding=EmbeddingSettings(model="not/there"),
            ray=RaySettings(readers=1),
        )
        result = await _ingested(settings, corpus, embedder, dying)
        points, _ = server.local.scroll("answering", limit=10_000, with_vectors=True)
    assert (tmp_path / MARK).exists()
    _assert_same(result, local)
    assert set(local.job.counts) >= {"created", "duplicate", "failed", "unpacked"}
    assert len(server.writers) > 1
    vectors = embedder.embed_documents([result.chunks[str(point.id)].indexed_text for point in points])
    written = np.array([point.vector["dense"] for point in points])
    assert ((written * vectors).sum(axis=1) > 0.999).all()


def test_a_killed_command_is_gone_on_with(embedder: Embedder, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for n in range(45):
        lines = [f"Lock {n} of {k} was opened in {1500 + n + k} by keeper {n * k}." for k in range(40)]
        (many / f"{n}.txt").write_text(" ".join(lines))
    small = IngestSettings(chunk_tokens=64, chunk_overlap_tokens=0)  # many chunks, so several batches
    # Short, as Ray makes sockets there; what a killed command leaves in it goes with it.
    with tempfile.TemporaryDirectory(prefix="t-", ignore_cleanup_errors=True) as folder:
        environment = environment_for(
            tmp_path / "ray",
            TMPDIR=folder,
            TANDEM_RAY__READERS="1",
            TANDEM_RAY__EMBEDDERS="1",
            TANDEM_INGEST__CHUNK_TOKENS="64",
            TANDEM_INGEST__CHUNK_OVERLAP_TOKENS="0",
        )
        command = [sys.executable, "-m", "tandem", "ingest", str(many), "--engine", "ray", "--json"]
        with (tmp_path / "events").open("wb") as events:
            process = subprocess.Popen(command, env=environment, stdout=events, stderr=subprocess.PIPE)
        job = _killed_in_the_middle(process, Settings(data_dir=tmp_path / "ray"), folder)
        resumed = tandem_command("jobs", "resume", job.id, "--engine", "ray", environment=environment)
        end = time.monotonic() + 30
        while _started_in(folder) and time.monotonic() < end:  # Ray's own processes take a while to end
            time.sleep(0.1)
        assert not _started_in(folder)
    assert resumed.returncode == 0, resumed.stderr
    expected = asyncio.run(
        _ingested(Settings(data_dir=tmp_path / "local", ingest=small), many, embedder, None)
    )
    ended = asyncio.run(_looked_at(Settings(data_dir=tmp_path / "ray"), job.id, embedder))
    # One that was switched and not yet noted when the kill came is unchanged now.
    assert ended.job.state == "done"
    assert ended.job.counts.get("created", 0) + ended.job.counts.get("unchanged", 0) == 45
    assert (ended.documents, ended.chunks, ended.leftovers) == (expected.documents, expected.chunks, 0)
    for line in (tmp_path / "events").read_text().splitlines():
        json.loads(line)


def _killed_in_the_middle(process: subprocess.Popen[bytes], settings: Settings, folder: str) -> Job:
    """Kill -9 when the first document is done; what Ray has started to work for it ends by itself.

    Two agents of Ray, which do no work, live a minute or two longer.
    """
    store = open_store(settings.store, settings.data_dir)
    deadline = time.monotonic() + 200
    while True:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        jobs = store.jobs(Caller())
        if jobs and jobs[0].chunks:
            break
        time.sleep(0.02)
    started = {*psutil.Process(process.pid).children(recursive=True), *_started_in(folder)}
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 30
    while others := {one for one in started if lives(one) and not _is_agent(one)}:
        assert time.monotonic() < deadline, others
        time.sleep(0.1)
    for one in filter(lives, started):
        one.kill()
    job = store.job(Caller(), jobs[0].id)
    store.close()
    assert job.counts["waiting"] > 0
    return job


def _is_agent(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.name() in ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
    return True


def _started_in(folder: str) -> set[psutil.Process]:
    """Processes that have this folder for temporary files."""
    found = set()
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.environ().get("TMPDIR") == folder and lives(one):
                found.add(one)
    return found


async def _looked_at(settings: Settings, job_id: str, embedder: Embedder) -> Result:
    store = open_store(settings.store, settings.data_dir)
    known = store.active_collection()
    assert known is not None
    index = (await opened(embedder, settings, known.name)).index
    chunks = {chunk.id: chunk async for chunk in index.chunks()}
    similarities = await _similarities(index, chunks, embedder)
    assert len(similarities) == len(chunks)
    assert min(similarities) > 0.999
    await index.close()
    result = _result(store, job_id, chunks)
    store.close()
    return result
