"""Deletion through HTTP: afterwards nothing of it is left, and a receipt says what was removed where."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from ingest_parts import Parts
from office import zipped

from ingest import Ingestor, Upload
from ingest.api import documents_router, removals_router
from ingest.jobs import JobWorker
from ingest.jobs.entries import entry_of_upload
from tandem.errors import TandemError
from tandem.settings import IngestSettings
from tandem.store import CachedAnswer, Trace
from tandem.vocabulary import Caller, Marks, document_id

CANARY = "Xanthocroid"
"""Stands nowhere else."""

ACME, OTHER = Caller("acme"), Caller("other")
SETTINGS = IngestSettings(retry_wait_s=0.01, tries=1)
UPLOAD = Upload(
    "canary.md",
    "canary.md",
    f"# {CANARY}\n\nThe {CANARY} sings at dawn.".encode(),
    marks=Marks((CANARY,), {"name": CANARY}),
)
KNOWN = document_id("acme", "docs", "canary.md")
TRACE = Trace(
    id="trace",
    tenant="acme",
    recipe="rag@1",
    prompt_version="rag@1",
    question="Who sings?",
    corpora=["docs"],
    answer=f"The {CANARY} [1].",
    abstained=False,
    created_at=datetime.now(UTC),
    tokens_in=1,
    tokens_out=1,
    timings={},
    passages=["chunk"],
    citations=[{"n": 1, "quote": CANARY}],
    documents=(KNOWN,),
)


@pytest.fixture
async def http(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    @app.exception_handler(TandemError)
    async def _told(request: Request, error: TandemError) -> JSONResponse:
        return JSONResponse(error.body(), 418)

    async def caller_of(request: Request) -> Caller:
        return Caller(request.headers.get("x-tenant", "acme"))

    ingestor = parts.ingestor()
    app.include_router(documents_router(ingestor, parts.store, caller_of, 100_000))
    app.include_router(removals_router(ingestor, parts.store, caller_of))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tandem") as client:
        yield client
    await ingestor.close()


async def planted(parts: Parts) -> None:
    """The canary as a document, in a trace, and in jobs: one that went well, and one whose file was refused."""
    parts.store.seen_worker("w1")
    ingestor = Ingestor(parts.store, parts.live, SETTINGS, "w1")
    worker = JobWorker(parts.store, ingestor, SETTINGS, "w1")
    await ingestor.ingest(
        OTHER, "docs", replace(UPLOAD, content=b"Something of another tenant.", marks=Marks())
    )
    broken = replace(UPLOAD, content=f"%PDF-1.7 {CANARY}".encode())
    for uploads in ([UPLOAD], [broken]):
        entries = [entry_of_upload(one) for one in uploads]
        job = parts.store.create_job(ACME, "docs", {"sources": []}, files=entries)
        await worker.run_one(ACME, job.id)
    await ingestor.close()
    parts.store.add_trace(TRACE)
    visible = parts.store.visible("acme", None).digest
    until = datetime.now(UTC) + timedelta(hours=1)
    kept = CachedAnswer("acme", "key", "family", visible, None, until, None, f"The {CANARY} [1].")
    assert parts.store.keep_answer(kept, [KNOWN], entries=1, max_bytes=1_000)
    assert parts.store.document(ACME, "docs", KNOWN).text
    assert await places(parts)


async def places(parts: Parts) -> set[str]:
    """Wherever the index, or a column of a table, holds the canary."""
    found = {"index" async for chunk in parts.index.chunks() if CANARY in repr(chunk)}
    with parts.store._engine.connect() as connection:
        tables = (
            connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
        )
        for table in tables:
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings():
                found |= {
                    f"{table}.{column}"
                    for column, value in row.items()
                    if CANARY.encode() in (value if isinstance(value, bytes) else str(value).encode())
                }
    return found


def held(parts: Parts) -> int:
    """How many files jobs hold; what is packed in them cannot be read here."""
    with parts.store._engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM contents").scalar_one())


def files_with_canary(folder: Path) -> set[str]:
    """Files of the database in which its letters can be read, outside of all tables."""
    return {file.name for file in folder.glob("store.sqlite3*") if CANARY.encode() in file.read_bytes()}


@pytest.mark.parametrize(
    "address",
    [f"/api/corpora/docs/documents/{KNOWN}", "/api/corpora/docs", "/api/tenant?confirm=acme"],
    ids=["document", "corpus", "tenant"],
)
async def test_nothing_is_left_and_a_receipt_says_what_was_removed(
    parts: Parts, http: httpx.AsyncClient, tmp_path: Path, address: str
) -> None:
    await planted(parts)
    assert {
        "versions.text",
        "contents.content",
        "traces.answer",
        "cached_answers.answer",
        "index",
    } <= await places(parts)
    removed = (await http.delete(address)).json()
    assert await places(parts) == set()
    assert files_with_canary(tmp_path) == set()
    assert removed["removed"] == {
        **{"index.chunks": 1, "store.versions": 1, "store.traces": 1, "store.feedback": 0},
        **{"store.contents": 1, "store.job_documents": 2, "caches.answers": 1},
        **({} if "documents" in address else {"store.jobs": 2, "store.corpora": 0}),
        **({"store.receipts": 0, "store.observations": 0} if "tenant" in address else {}),
    }
    assert (await http.get(f"/api/receipts/{removed['id']}")).json() == removed
    assert (await http.get("/api/receipts")).json() == {"receipts": [removed]}
    # Another tenant's are as they were, and it sees none of this.
    stranger = {"x-tenant": "other"}
    assert (await http.get("/api/receipts", headers=stranger)).json() == {"receipts": []}
    assert (await http.get(f"/api/receipts/{removed['id']}", headers=stranger)).status_code == 418
    assert [corpus.documents for corpus in parts.store.corpora(OTHER)] == [1]


async def test_a_document_out_of_an_archive_goes_with_what_is_kept_of_the_archive(
    parts: Parts, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    parts.store.seen_worker("w1")
    ingestor = Ingestor(parts.store, parts.live, SETTINGS, "w1")
    worker = JobWorker(parts.store, ingestor, SETTINGS, "w1")
    inner = b"PK\x03\x04 damaged"
    box = Upload("box.zip", "box.zip", zipped({"canary.md": UPLOAD.content, "inner.zip": inner}))
    job = parts.store.create_job(ACME, "docs", {"sources": []}, files=[entry_of_upload(box)])
    await worker.run_one(ACME, job.id)
    await ingestor.close()
    assert (held(parts), parts.store.job(ACME, job.id).counts) == (1, {"failed": 1, "created": 1})
    known = document_id("acme", "docs", "box.zip!/canary.md")
    assert (await http.delete(f"/api/corpora/docs/documents/{known}")).status_code == 200
    assert held(parts) == 0
    assert await places(parts) == set()
    assert files_with_canary(tmp_path) == set()


async def test_a_corpus_of_which_only_a_refused_file_is_kept_can_be_removed(
    parts: Parts, http: httpx.AsyncClient
) -> None:
    parts.store.seen_worker("w1")
    ingestor = Ingestor(parts.store, parts.live, SETTINGS, "w1")
    broken = replace(UPLOAD, content=f"%PDF-1.7 {CANARY}".encode())
    job = parts.store.create_job(ACME, "docs", {"sources": []}, files=[entry_of_upload(broken)])
    await JobWorker(parts.store, ingestor, SETTINGS, "w1").run_one(ACME, job.id)
    await ingestor.close()
    assert (await http.delete("/api/corpora/docs", headers={"x-tenant": "other"})).status_code == 418
    assert (await http.delete("/api/corpora/docs")).json()["removed"]["store.contents"] == 1
    assert await places(parts) == set()
    assert (await http.delete("/api/corpora/docs")).status_code == 418


async def test_a_tenant_is_removed_only_by_its_name(parts: Parts, http: httpx.AsyncClient) -> None:
    await planted(parts)
    for confirm in ("?confirm=other", "?confirm=", ""):
        assert (await http.delete(f"/api/tenant{confirm}")).status_code in (418, 422)
    assert parts.store.document(ACME, "docs", KNOWN).text


@pytest.mark.parametrize("known", ["nonsense", "%00", "x" * 500])
async def test_a_receipt_that_cannot_be_is_not_found(http: httpx.AsyncClient, known: str) -> None:
    response = await http.get(f"/api/receipts/{known}")
    assert response.json()["error"]["type"] == "not_found_error"
