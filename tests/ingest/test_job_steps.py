"""A job that is killed at any of its steps is ended by another worker as if nothing had happened."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
from dying_store import DyingStore
from failing_index import FailingIndex
from ingest_parts import Parts, opened
from office import eml_bytes, zipped

from ingest import Ingestor, Upload, writing
from ingest.jobs import JobWorker
from tandem.embedding import Embedder
from tandem.errors import TandemError
from tandem.live import Collection, Live
from tandem.settings import IngestSettings
from tandem.store import Store
from tandem.vocabulary import Caller

CALLER = Caller("acme")
SETTINGS = IngestSettings(
    tries=1, retry_wait_s=0.01, near_duplicates=0.0, chunk_tokens=24, chunk_overlap_tokens=0
)

STEPS = [
    *[
        "list_documents 1",
        "end_listing 1",
        "begin_version 1",
        "upsert 5",
        "commit_version 1",
        "commit_version 4",
    ],
    *[
        "delete_version 1",
        "forget_version 1",
        "end_document 2",
        "end_document 5",
        "erase_document 1",
        "end_job 1",
    ],
]


def sections(word: str) -> bytes:
    return "\n\n".join(f"## Part {n}\n\nThe {word} has number {n}." for n in range(4)).encode()


def write_files(folder: Path) -> None:
    folder.mkdir()
    (folder / "a.md").write_bytes(sections("lantern"))
    (folder / "b.eml").write_bytes(
        eml_bytes("Read the compass.", attachments=[("notes.txt", "text/plain", sections("compass"))])
    )
    (folder / "c.zip").write_bytes(zipped({"d.txt": sections("anchor"), "e.txt": sections("mirror")}))
    (folder / "f.txt").write_bytes(sections("furnace"))


def worker_of(store: Any, index: Any, embedder: Embedder, name: str) -> tuple[Ingestor, JobWorker]:
    ingestor = Ingestor(cast("Store", store), Live(Collection(None, index, embedder)), SETTINGS, name)
    return ingestor, JobWorker(store, ingestor, SETTINGS, name)


async def prepared(parts: Parts, folder: Path) -> str:
    """Two documents are there in an earlier state: one changes, and one is no longer among the sources."""
    ingestor = parts.ingestor(**SETTINGS.model_dump())
    for name, content in (("a.md", sections("lamp")), ("gone.md", sections("saddle"))):
        await ingestor.ingest(CALLER, "docs", Upload((folder / name).as_uri(), name, content))
    await ingestor.close()
    source = {"kind": "files", "paths": [str(folder)]}
    return parts.store.create_job(CALLER, "docs", {"corpus": "docs", "sources": [source]}, sync=True).id


async def state_of(parts: Parts, job_id: str) -> tuple[object, ...]:
    """All that is left: chunks, versions, and how the job tells it."""
    with parts.store._engine.connect() as connection:
        versions = connection.exec_driver_sql(
            "SELECT uri, version, state, chunks, duplicate_of, text FROM versions ORDER BY uri, version"
        ).fetchall()
    job = parts.store.job(CALLER, job_id)
    uris = sorted(one.uri for one in parts.store.job_documents(CALLER, job_id) if one.state != "removed")
    chunks = sorted([(one.id, repr(one)) async for one in parts.index.chunks()])
    return chunks, versions, job.state, uris, job.counts.get("failed", 0), parts.store.leftovers()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job") / "files"
    write_files(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(
    embedder: Embedder, files: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[object, ...]:
    async def run() -> tuple[object, ...]:
        async with opened(embedder, tmp_path_factory.mktemp("undisturbed")) as parts:
            job = await prepared(parts, files)
            parts.store.seen_worker("w1")
            ingestor, worker = worker_of(parts.store, parts.index, embedder, "w1")
            await worker.run_one(CALLER, job)
            await ingestor.close()
            return await state_of(parts, job)

    return asyncio.run(run())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_the_next_worker_ends_it(
    parts: Parts, files: Path, undisturbed: tuple[object, ...], monkeypatch, step: str, after: bool
) -> None:
    monkeypatch.setattr(writing, "_BATCH", 2)
    job = await prepared(parts, files)
    parts.store.seen_worker("w1")
    index = FailingIndex(parts.index, step, after=after)
    store = DyingStore(parts.store, index, step, after=after)
    ingestor, worker = worker_of(store, index, parts.embedder, "w1")
    with suppress(TandemError):
        async with asyncio.timeout(30):
            await worker.run_one(CALLER, job)
    await ingestor.close()
    assert index.dead
    parts.store.leave_worker("w1")
    parts.store.seen_worker("w2")
    ingestor, worker = worker_of(parts.store, parts.index, parts.embedder, "w2")
    await ingestor.repair()
    await worker.run_one(CALLER, job)
    await ingestor.close()
    assert await state_of(parts, job) == undisturbed
