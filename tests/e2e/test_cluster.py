"""Ray on one machine, with two readers and two embedders, against the local engine: the same in the end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
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
from running import environment_for, tandem_command

from ingest import Ingestor
from ingest.cluster.flow import flow
from ingest.cluster.runner import ClusterRunner, Flow
from ingest.cluster.starting import cluster
from ingest.jobs import JobRunner, JobWorker, join_workers
from ingest.manifest import Manifest
from ingest.sources import FilesSource
from tandem.embedding import Embedder, load_embedder
from tandem.index import Leg, Query
from tandem.live import open_live
from tandem.settings import EmbeddingSettings, IndexSettings, RaySettings, Settings, StoreSettings
from tandem.store import Job, open_store
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
    similarities: list[float]
    """Of each chunk's vector in the index and the same text embedded here."""


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
    with cluster(RaySettings()):
        yield


async def _ingested(
    settings: Settings, folder: Path, embedder: Embedder, flow: Flow | None, cancel: bool = False
) -> Result:
    """One job over the folder; by the local engine if there is no `flow`."""
    async with AsyncExitStack() as stack:
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        live = await open_live(store, settings)
        stack.push_async_callback(live.close)
        index = live.collection.index
        me = join_workers(store, stack)
        ingestor = Ingestor(store, live, settings.ingest, me)
        stack.push_async_callback(ingestor.close)
        runner: JobRunner | None = None
        if flow is not None:
            runner = ClusterRunner(store, ingestor, settings, me, flow)
        worker = JobWorker(store, ingestor, settings.ingest, me, runner)
        manifest = Manifest(corpus="docs", sources=(FilesSource(paths=(folder,)),))
        job = store.create_job(Caller(), "docs", manifest.model_dump(mode="json"), worker=me)
        run = asyncio.create_task(worker.run_one(Caller(), job.id))
        while cancel and not run.done():
            if store.job(Caller(), job.id).chunks:
                store.cancel_job(Caller(), job.id)
                break
            await asyncio.sleep(0.01)
        await run
        chunks = {chunk.id: chunk async for chunk in index.chunks()}
        similarities = []
        if settings.index.url is None and not cancel:
            vectors = embedder.embed_documents([chunk.indexed_text for chunk in chunks.values()])
            for chunk, vector in zip(chunks.values(), vectors, strict=True):
                found = await index.search(Scope("default"), Query(chunk.text, vector, 5, Leg.DENSE))
                similarities += [passage.similarity for passage in found if passage.chunk.id == chunk.id]
        records = store.documents(Caller(), "docs", 10_000)
        failures = store.job_documents(Caller(), job.id, "failed", -1, 1_000)
        return Result(
            store.job(Caller(), job.id),
            {one.id: (one.uri, one.version, one.title, one.chunks, one.duplicate_of) for one in records},
            chunks,
            {one.uri: (one.error, one.tries) for one in failures},
            len(store.leftovers()),
            similarities,
        )


def _assert_same(result: Result, local: Result) -> None:
    assert result.job.state == "done"
    assert dict(result.job.counts) == dict(local.job.counts)
    assert (result.job.chunks, result.job.tokens) == (local.job.chunks, local.job.tokens)
    assert result.documents == local.documents
    assert result.chunks == local.chunks
    assert result.failures == local.failures
    assert result.leftovers == 0


async def test_the_embedded_index_gets_what_the_local_engine_writes(
    local: Result, corpus: Path, embedder: Embedder, ray_here: None, tmp_path: Path
) -> None:
    result = await _ingested(Settings(data_dir=tmp_path), corpus, embedder, SMALL)
    _assert_same(result, local)
    assert set(local.job.counts) >= {"created", "duplicate", "failed", "unpacked"}
    assert len(result.similarities) == len(result.chunks)
    assert min(result.similarities) > 0.999


async def test_actors_write_to_a_server_though_one_dies_over_a_batch(
    local: Result, corpus: Path, embedder: Embedder, ray_here: None, tmp_path: Path
) -> None:
    dying = partial(SMALL, embedder=DyingEmbeddingWriter)
    with stand_in() as server:
        settings = Settings(data_dir=tmp_path, index=IndexSettings(url=server.url))
        result = await _ingested(settings, corpus, embedder, dying)
        points, _ = server.local.scroll("tandem", limit=10_000, with_vectors=True)
    assert (tmp_path / MARK).exists()
    _assert_same(result, local)
    assert len(server.writers) > 1
    vectors = embedder.embed_documents([local.chunks[str(point.id)].indexed_text for point in points])
    written = np.array([point.vector["dense"] for point in points])
    assert ((written * vectors).sum(axis=1) > 0.999).all()


def test_a_killed_command_is_gone_on_with(corpus: Path, embedder: Embedder, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for n in range(150):
        lines = [f"Lock {n} of {k} was opened in {1500 + n + k} by keeper {n * k}." for k in range(60)]
        (many / f"{n}.txt").write_text(" ".join(lines))
    environment = environment_for(tmp_path / "ray")
    command = [sys.executable, "-m", "tandem", "ingest", str(many), "--engine", "ray", "--json"]
    with (tmp_path / "events").open("wb") as events:
        process = subprocess.Popen(command, env=environment, stdout=events, stderr=subprocess.PIPE)
    job = _killed_in_the_middle(process, tmp_path)
    resumed = tandem_command("jobs", "resume", job.id, "--engine", "ray", environment=environment)
    assert resumed.returncode == 0, resumed.stderr
    # One that was switched and not yet noted when the kill came is unchanged now.
    ended = _job(tmp_path, job.id)
    assert ended.state == "done"
    assert ended.counts.get("created", 0) + ended.counts.get("unchanged", 0) == 150
    expected = asyncio.run(_ingested(Settings(data_dir=tmp_path / "local"), many, embedder, None))
    left = asyncio.run(_looked_at(Settings(data_dir=tmp_path / "ray"), embedder))
    assert left == (expected.documents.keys(), expected.chunks, 0)
    for line in (tmp_path / "events").read_text().splitlines():
        json.loads(line)


def _killed_in_the_middle(process: subprocess.Popen[bytes], folder: Path) -> Job:
    """Kill -9 when the first document is done; what Ray has started to work for it ends by itself.

    Two agents of Ray, which do no work, live a minute or two longer.
    """
    store = open_store(StoreSettings(), folder / "ray")
    deadline = time.monotonic() + 200
    while True:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        jobs = store.jobs(Caller())
        if jobs and jobs[0].chunks:
            break
        time.sleep(0.02)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    agents = [one for one in alive if one.name() in ("ray::DashboardAgent", "ray::RuntimeEnvAgent")]
    assert set(alive) == set(agents)
    for one in agents:
        one.kill()
    job = store.job(Caller(), jobs[0].id)
    store.close()
    assert job.counts["waiting"] > 0
    return job


def _job(folder: Path, job_id: str) -> Job:
    store = open_store(StoreSettings(), folder / "ray")
    job = store.job(Caller(), job_id)
    store.close()
    return job


async def _looked_at(settings: Settings, embedder: Embedder) -> tuple[object, dict[str, Chunk], int]:
    store = open_store(settings.store, settings.data_dir)
    live = await open_live(store, settings)
    chunks = {chunk.id: chunk async for chunk in live.collection.index.chunks()}
    await live.close()
    records, left = store.documents(Caller(), "docs", 10_000), len(store.leftovers())
    store.close()
    return {one.id for one in records}, chunks, left


async def test_a_cancelled_job_leaves_nothing_half_written(
    corpus: Path, embedder: Embedder, ray_here: None, tmp_path: Path
) -> None:
    # The last test of this module: a cancelled job ends the connection to Ray.
    result = await _ingested(
        Settings(data_dir=tmp_path), corpus, embedder, partial(flow, batch_rows=8), cancel=True
    )
    assert result.job.state == "cancelled"
    assert result.job.counts["cancelled"] > 0
    assert result.leftovers == 0
    versions = {(known, row[1]) for known, row in result.documents.items()}
    assert {(chunk.document_id, chunk.version) for chunk in result.chunks.values()} <= versions
