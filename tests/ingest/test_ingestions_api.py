"""The routes of ingestion jobs, through HTTP, with a worker that goes on beside them."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from ingest_parts import Parts

from ingest import Ingestor
from ingest.api import ingestions_router
from ingest.jobs import JobWorker
from tandem.errors import TandemError
from tandem.settings import IngestSettings
from tandem.vocabulary import Caller, Scope

JOBS = "/api/corpora/docs/ingestions"
SETTINGS = IngestSettings(retry_wait_s=0.01, tries=1, max_archive_mb=0.1, near_duplicates=0.0)
STRANGER = {"x-tenant": "other"}
TEXT = b"# Tides\n\nThe tide turns at noon."
BAD = b"%PDF-1.7 nonsense"


@pytest.fixture
async def http(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    parts.store.seen_worker("w1")
    ingestor = Ingestor(parts.store, parts.live, SETTINGS, "w1")
    worker = JobWorker(parts.store, ingestor, SETTINGS, "w1")
    app = FastAPI()

    @app.exception_handler(TandemError)
    async def _told(request: Request, error: TandemError) -> JSONResponse:
        return JSONResponse(error.body(), 418)

    async def caller_of(request: Request) -> Caller:
        return Caller(request.headers.get("x-tenant", "default"))

    app.include_router(ingestions_router(parts.store, worker, caller_of, SETTINGS))
    working = asyncio.create_task(worker.run())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tandem") as client:
        yield client
    working.cancel()
    await asyncio.wait([working])
    await ingestor.close()


def fault(response: httpx.Response) -> tuple[str, str | None]:
    assert response.status_code == 418, response.text
    error = response.json()["error"]
    return error["type"], error.get("param")


async def send(http: httpx.AsyncClient, *files: tuple[str, bytes], key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await http.post(JOBS, files=[("files", file) for file in files], headers=headers)


async def ended(http: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            job: dict[str, Any] = (await http.get(f"{JOBS}/{job_id}")).json()
            if job["state"] not in ("queued", "running"):
                return job
            await asyncio.sleep(0.05)


async def test_files_are_taken_at_once_and_done_after(http: httpx.AsyncClient) -> None:
    response = await send(http, ("a.md", TEXT), ("bad.pdf", BAD))
    job = response.json()
    assert (response.status_code, job["state"], job["total"]) == (202, "queued", 2)
    assert response.headers["location"] == f"{JOBS}/{job['id']}"
    done = await ended(http, job["id"])
    assert (done["state"], done["counts"], done["chunks"]) == ("done", {"created": 1, "failed": 1}, 1)
    assert (await http.get(JOBS)).json()["ingestions"] == [done]
    documents = (await http.get(f"{JOBS}/{job['id']}/documents")).json()["documents"]
    assert [(one["place"], one["uri"], one["state"]) for one in documents] == [
        (0, "a.md", "created"),
        (1, "bad.pdf", "failed"),
    ]
    page = await http.get(f"{JOBS}/{job['id']}/documents", params={"state": "failed", "after": -1})
    (failure,) = page.json()["documents"]
    assert failure["error"]["type"] == "unreadable_document_error"
    assert failure["tries"] == 1
    after = await http.get(f"{JOBS}/{job['id']}/documents", params={"after": 1})
    assert after.json() == {"documents": []}


async def test_addresses_may_be_sent_with_the_files(http: httpx.AsyncClient) -> None:
    files = [("files", ("a.md", TEXT)), ("files", ("a.md", TEXT + b" And at midnight."))]
    form = {"uri": ["http://x/1", "http://x/2"]}
    job = (await http.post(JOBS, files=files, data=form)).json()
    assert (await ended(http, job["id"]))["counts"] == {"created": 2}
    assert fault(await http.post(JOBS, files=files, data={"uri": ["one"]})) == (
        "invalid_request_error",
        "uri",
    )


async def test_two_files_at_one_address_are_refused_so_that_none_is_lost(http: httpx.AsyncClient) -> None:
    assert fault(await send(http, ("a.md", TEXT), ("a.md", BAD))) == ("invalid_request_error", "uri")


async def test_a_key_makes_one_job_and_no_other_request_of_it(http: httpx.AsyncClient) -> None:
    one, two = await send(http, ("a.md", TEXT), key="k"), await send(http, ("a.md", TEXT), key="k")
    assert one.json()["id"] == two.json()["id"]
    assert one.headers["location"] == two.headers["location"]
    assert fault(await send(http, ("a.md", BAD), key="k"))[0] == "conflict_error"
    other = await http.post(
        "/api/corpora/more/ingestions", files={"files": ("a.md", TEXT)}, headers={"Idempotency-Key": "k"}
    )
    assert fault(other)[0] == "conflict_error"
    long = await send(http, ("a.md", TEXT), key="k" * 129)
    assert long.status_code == 422


async def test_events_tell_every_document_and_end_with_the_job(http: httpx.AsyncClient) -> None:
    job = (await send(http, ("a.md", TEXT), ("b.md", TEXT + b" Yes."), ("bad.pdf", BAD))).json()
    response = await asyncio.wait_for(http.get(f"{JOBS}/{job['id']}/events"), 30)
    assert response.headers["content-type"].startswith("text/event-stream")
    events = []
    for block in response.text.strip().split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    seen = {one["uri"]: one["state"] for name, one in events if name == "document"}
    assert seen == {"a.md": "created", "b.md": "created", "bad.pdf": "failed"}
    assert len([name for name, _ in events if name == "document"]) == 3
    assert events[-1] == ("progress", await ended(http, job["id"]))


async def test_events_of_a_job_that_is_deleted_end_with_an_error(
    parts: Parts, http: httpx.AsyncClient
) -> None:
    parts.store.seen_worker("someone")
    # Somebody else's from the start, so that the worker of this test cannot end it.
    job = parts.store.create_job(Caller(), "docs", {}, worker="someone")
    assert parts.store.claim_job("someone", job.id) is not None
    following = asyncio.create_task(http.get(f"{JOBS}/{job.id}/events"))
    await asyncio.sleep(0.6)
    parts.store.retire("default", "docs")
    text = (await asyncio.wait_for(following, 10)).text
    assert text.strip().split("\n\n")[-1].startswith("event: error\n")


async def test_a_job_is_cancelled_and_tried_again(parts: Parts, http: httpx.AsyncClient) -> None:
    job = (await send(http, ("a.md", TEXT), ("bad.pdf", BAD))).json()
    await ended(http, job["id"])
    again = await http.post(f"{JOBS}/{job['id']}/retry")
    assert again.status_code == 202
    assert again.json()["counts"] == {"created": 1, "waiting": 1}
    assert (await ended(http, job["id"]))["counts"] == {"created": 1, "failed": 1}
    assert (await http.post(f"{JOBS}/{job['id']}/cancel")).json()["state"] == "done"


async def test_another_tenants_job_does_not_exist(http: httpx.AsyncClient) -> None:
    job = (await send(http, ("a.md", TEXT))).json()["id"]
    for method, address in (
        ("GET", f"{JOBS}/{job}"),
        ("GET", f"{JOBS}/{job}/documents"),
        ("GET", f"{JOBS}/{job}/events"),
        ("POST", f"{JOBS}/{job}/cancel"),
        ("POST", f"{JOBS}/{job}/retry"),
    ):
        assert fault(await http.request(method, address, headers=STRANGER)) == ("not_found_error", "id")
        elsewhere = address.replace("/docs/", "/more/")
        assert fault(await http.request(method, elsewhere)) == ("not_found_error", "id")
        assert fault(await http.request(method, address.replace(job, "%00")))[0] == "not_found_error"
    assert (await http.get(JOBS, headers=STRANGER)).json() == {"ingestions": []}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"kind": "files", "paths": ["/etc"]}, ("invalid_request_error", "kind")),
        ({"kind": "bucket", "url": "s3://bucket"}, ("invalid_request_error", "kind")),
        ({"kind": "urls", "urls": ["https://example.com"]}, ("settings_error", "ingest.allow_urls")),
        ({"kind": "reader", "reader": "os:system"}, ("invalid_request_error", "reader")),
        ({"kind": "strange"}, ("invalid_request_error", "sources[0]")),
    ],
)
async def test_sources_that_a_request_must_not_name_are_refused(
    http: httpx.AsyncClient, source: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert fault(await http.post(JOBS, json={"sources": [source]})) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nonsense",
        b"\xff",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"sources": []}',
        b'{"sources": [{"kind": "urls", "urls": ["https://x.example"], "metadata": {"a": Infinity}}]}',
        b'{"corpus": "more", "sources": []}',
        b'{"sync": 1, "sources": []}',
        b'{"sources": [' + b"1" * 10_000 + b"]}",
    ],
)
async def test_a_body_that_is_no_manifest_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    response = await http.post(JOBS, content=body, headers={"content-type": "application/json"})
    assert fault(response)[0] == "invalid_request_error"


async def test_what_is_too_large_is_refused(http: httpx.AsyncClient) -> None:
    assert (
        fault(await send(http, ("a.txt", b"x" * 70_000), ("b.txt", b"x" * 200_000)))[0] == "too_large_error"
    )
    response = await http.post(JOBS, content=b" " * 3_000_000, headers={"content-type": "application/json"})
    assert fault(response)[0] == "too_large_error"


@pytest.mark.parametrize("state", ["%00", "nonsense", "x" * 100])
async def test_a_state_that_cannot_be_is_refused(http: httpx.AsyncClient, state: str) -> None:
    job = (await send(http, ("a.md", TEXT))).json()["id"]
    assert (await http.get(f"{JOBS}/{job}/documents?state={state}")).status_code == 422


async def test_the_same_upload_a_hundred_times_by_eight_workers_is_one_document(
    parts: Parts, http: httpx.AsyncClient
) -> None:
    """F2: with a key and without, in any order."""
    keys: list[str | None] = ["k"] * 50 + [None] * 50
    random.Random(1).shuffle(keys)
    waiting, jobs = iter(keys), set()

    async def sender() -> None:
        for key in waiting:
            response = await send(http, ("a.md", TEXT), key=key)
            assert response.status_code == 202, response.text
            jobs.add(response.json()["id"])

    await asyncio.gather(*(sender() for _ in range(8)))
    assert len(jobs) == 51
    states = [state for job in jobs for state in (await ended(http, job))["counts"].items()]
    assert sorted(states) == [("created", 1)] + [("unchanged", 1)] * 50
    with parts.store._engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT state, chunks FROM versions").fetchall()
    assert [tuple(row) for row in rows] == [("current", 1)]
    assert await parts.index.count(Scope("default")) == 1
