"""kill -9 of an ingestion, again and again: what is lost, doubled or left over in the end.

    python -m bench.kill [--runs 10] [--kills 10] [--documents 200] [--seed 1]

A child process does a job of small files of eight kinds through the real worker, with Qdrant Edge and SQLite. It
is killed when a seeded number of documents have ended and a seeded moment later, one time in each run soon after
its start; the next child goes on. Then index (ids, payloads, vectors) and store are compared with those of an
undisturbed run.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as qe

from bench.kinds import write_documents
from bench.machine import machine
from ingest.manifest import manifest_of
from tandem.cli.local import local_worker
from tandem.embedding import load_embedder
from tandem.index import open_index
from tandem.index.edge import EdgeIndex
from tandem.settings import EmbeddingSettings, IndexSettings, Settings, StoreSettings
from tandem.store import open_store
from tandem.vocabulary import Caller

_RESULT = Path(__file__).parent / "results" / "kill.json"
_LONGEST_S = 300.0
_START_S = 3.0
"""So long after a child's start comes, at most, the one kill of each run that does not wait for documents."""

_LATER_S = 0.4
"""And so long, at most, after the document for which the others wait."""

_CHILDREN = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True)
class Left:
    """What a run has left."""

    chunks: dict[str, str]
    """Id to payload."""
    vectors: dict[str, Any]
    versions: list[tuple[Any, ...]]
    documents: dict[str, str]
    """Address to state, as the job tells it."""
    job: str


def main() -> None:
    """Measure, print and keep the result; exit code 1 if anything is lost, doubled or left over."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--kills", type=int, default=10, help="in each run")
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), arguments.runs, arguments.kills, arguments.documents, arguments.seed)
    report = {
        "command": f"python -m bench.kill {' '.join(sys.argv[1:])}".strip(),
        "machine": machine(),
        "seconds": round(time.monotonic() - begun),
        **report,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")
    if any(report[fault] for fault in ("lost", "duplicated", "orphaned", "different", "unended")):
        raise SystemExit(1)


def measure(folder: Path, runs: int, kills: int, documents: int, seed: int) -> dict[str, Any]:
    """Counts of faults over all runs, each against the undisturbed one."""
    _CHILDREN.set_forkserver_preload(["tandem.cli.local", "torch", "sentence_transformers"])
    files = folder / "files"
    files.mkdir()
    write_documents(files, documents, seed)
    whole = _run(folder / "whole", files, [], random.Random(seed))[0]
    totals = dict.fromkeys(("kills", "lost", "duplicated", "orphaned", "different", "unended"), 0)
    furthest = 0.0
    for run in range(runs):
        rng = random.Random(f"{seed}-{run}")
        points = [-1, *sorted(rng.randrange(documents) for _ in range(kills - 1))]
        left, killed = _run(folder / f"run-{run}", files, points, rng)
        totals["kills"] += killed
        for fault, count in _faults(whole, left).items():
            totals[fault] += count
        furthest = max(furthest, _furthest(whole, left))
        print(f"run {run}: {killed} kills, {totals}", file=sys.stderr, flush=True)
    return {
        "documents": documents,
        "chunks": len(whole.chunks),
        "runs": runs,
        **totals,
        "largest_difference_of_a_vector": round(furthest, 6),
    }


def _run(data: Path, files: Path, points: list[int], rng: random.Random) -> tuple[Left, int]:
    """What a job has left that was killed at these points, and how many kills met a living child."""
    job = new_job(data, files)
    killed = sum(_killed(data, job, point, rng) for point in points)
    child = _child(data, job)
    child.join(_LONGEST_S)
    if child.exitcode != 0:
        child.kill()
        raise SystemExit(f"the last child ended with {child.exitcode}")
    return asyncio.run(_left(Settings(data_dir=data), job)), killed


def new_job(data: Path, files: Path) -> str:
    """Queue a job of a folder; returns its id."""
    store = open_store(StoreSettings(), data)
    source = {"kind": "files", "paths": [str(files)]}
    manifest = manifest_of({"corpus": "docs", "sources": [source]}).model_dump(mode="json")
    job = store.create_job(Caller(), "docs", manifest, local=True)
    store.close()
    return job.id


def _killed(data: Path, job_id: str, point: int, rng: random.Random) -> bool:
    """Kill a child when `point` documents have ended, or soon after its start where that is negative."""
    child = _child(data, job_id)
    deadline = time.monotonic() + _LONGEST_S
    while point >= 0 and ended_documents(data) <= point and child.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(rng.uniform(0, _START_S if point < 0 else _LATER_S))
    lives = child.is_alive()
    child.kill()
    child.join()
    return lives


def _child(data: Path, job_id: str) -> BaseProcess:
    child = _CHILDREN.Process(target=work, args=(data, job_id))
    child.start()
    return child


def work(data: Path, job_id: str) -> None:
    """Do the job as `tandem ingest` does."""

    async def run() -> None:
        async with local_worker(Settings(data_dir=data)) as (_, worker):
            await worker.run_one(Caller(), job_id)

    asyncio.run(run())


def ended_documents(data: Path) -> int:
    """How many documents of the jobs in a data folder have ended, as another process sees it."""
    with closing(sqlite3.connect(f"file:{data / 'store.sqlite3'}?mode=ro", uri=True, timeout=10)) as database:
        query = "SELECT count(*) FROM job_documents WHERE state != 'waiting'"
        return int(database.execute(query).fetchone()[0])


async def _left(settings: Settings, job_id: str) -> Left:
    """All that index and store hold."""
    embedder = load_embedder(EmbeddingSettings())
    index = await open_index(
        IndexSettings(), settings.data_dir, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    chunks = {chunk.id: repr(chunk) async for chunk in index.chunks()}
    vectors = _vectors(index)
    await index.close()
    embedder.close()
    store = open_store(settings.store, settings.data_dir)
    job = store.job(Caller(), job_id)
    documents = {one.uri: one.state for one in store.job_documents(Caller(), job_id, limit=10_000)}
    store.close()
    with closing(sqlite3.connect(settings.data_dir / "store.sqlite3")) as database:
        versions = database.execute(
            "SELECT document_id, version, state, uri, chunks, duplicate_of, content_hash, text, "
            "(SELECT count(*) FROM bands b WHERE b.document_id = v.document_id) "
            "FROM versions v ORDER BY document_id, version"
        ).fetchall()
    return Left(chunks, vectors, versions, documents, job.state)


def _vectors(index: object) -> dict[str, Any]:
    """The dense vectors by id; no service asks for them, so the shard is read itself."""
    assert isinstance(index, EdgeIndex)
    request = qe.ScrollRequest(limit=1_000_000, with_payload=False, with_vector=True)
    (tenant,) = index._tenants.all()
    with index._tenants.making(tenant) as shard:
        records, _ = shard._shard.scroll(request)
    return {str(record.id): np.asarray(record.vector["dense"], np.float32) for record in records}  # type: ignore[index, call-overload]


def _faults(whole: Left, left: Left) -> dict[str, int]:
    """How the run differs from the undisturbed one."""
    shared = whole.chunks.keys() & left.chunks.keys()
    known = {row[:2] for row in left.versions if row[2] == "current"}
    addresses = [row[3] for row in left.versions]
    orphans = [chunk for key, chunk in left.chunks.items() if key not in whole.chunks]
    bad = [state for state in left.documents.values() if state in ("failed", "cancelled", "waiting")]
    return {
        "lost": len(whole.chunks.keys() - left.chunks.keys())
        + len(whole.documents.keys() - left.documents.keys())
        + len(bad),
        "duplicated": len(addresses) - len(set(addresses)),
        "orphaned": len(orphans) + len(left.versions) - len(known),
        "different": sum(whole.chunks[key] != left.chunks[key] for key in shared)
        + (whole.versions != left.versions),
        "unended": int(left.job != "done"),
    }


def _furthest(whole: Left, left: Left) -> float:
    """The largest difference of any number of a vector; batches of other sizes round otherwise."""
    shared = whole.vectors.keys() & left.vectors.keys()
    return max((float(np.abs(whole.vectors[key] - left.vectors[key]).max()) for key in shared), default=0.0)


if __name__ == "__main__":
    main()
