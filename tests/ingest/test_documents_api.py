"""The routes of documents, through HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from ingest_parts import Parts
from office import eml_bytes

from ingest.api import documents_router
from tandem.errors import TandemError
from tandem.vocabulary import Caller, document_id

MAX_BYTES = 100_000
DOCS = "/api/corpora/docs/documents"
TEXT = "# Tides\n\nThe tide turns at noon."


@pytest.fixture
async def http(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()

    @app.exception_handler(TandemError)
    async def _told(request: Request, error: TandemError) -> JSONResponse:
        return JSONResponse(error.body(), 418)

    async def caller_of(request: Request) -> Caller:
        return Caller(request.headers.get("x-tenant", "default"))

    app.include_router(documents_router(parts.ingestor(), parts.store, caller_of, MAX_BYTES))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tandem") as client:
        yield client


async def put(
    http: httpx.AsyncClient, text: str = TEXT, name: str = "tides.md", **form: str | list[str]
) -> httpx.Response:
    return await http.post(DOCS, files={"file": (name, text.encode())}, data=form)


def fault(response: httpx.Response) -> tuple[str, str | None]:
    assert response.status_code == 418, response.text
    error = response.json()["error"]
    return error["type"], error.get("param")


async def test_a_document_goes_in_is_seen_and_goes_out(http: httpx.AsyncClient) -> None:
    created = await put(http, uri="http://x/tides")
    report = created.json()
    assert (created.status_code, report["status"], report["uri"]) == (201, "created", "http://x/tides")
    assert report["document_id"] == document_id("default", "docs", "http://x/tides")
    (listed,) = (await http.get(DOCS)).json()["documents"]
    one = (await http.get(created.headers["location"])).json()
    assert (one["text"], one["headings"]) == (TEXT, [{"level": 1, "title": "Tides", "start": 0}])
    assert {key: one[key] for key in listed} == listed
    assert "tenant" not in one
    assert (await http.delete(f"{DOCS}/{one['id']}")).json()["removed"]["index.chunks"] == 1
    assert fault(await http.get(f"{DOCS}/{one['id']}")) == ("not_found_error", "document_id")
    assert fault(await http.get(DOCS)) == ("not_found_error", "corpus")


async def test_sending_again_is_answered_with_200(http: httpx.AsyncClient) -> None:
    await put(http)
    again, other = await put(http), await put(http, TEXT + " And at midnight.")
    assert (again.status_code, again.json()["status"]) == (200, "unchanged")
    assert (other.status_code, other.json()["status"]) == (200, "replaced")


async def test_the_address_of_a_file_without_one_is_its_name_and_no_path(http: httpx.AsyncClient) -> None:
    assert (await put(http, name="..\\..\\secret/tides.md")).json()["uri"] == "tides.md"


async def test_attachments_that_are_not_read_are_told_of(http: httpx.AsyncClient) -> None:
    mail = eml_bytes("Read the tides.", attachments=[("a.txt", "text/plain", TEXT.encode())])
    for status in ("created", "unchanged"):
        report = (await http.post(DOCS, files={"file": ("m.eml", mail)})).json()
        assert report["status"] == status
        assert "Attached files (1)" in report["warnings"][-1]


async def test_another_tenant_sees_nothing(http: httpx.AsyncClient) -> None:
    known = (await put(http)).json()["document_id"]
    stranger = {"x-tenant": "other"}
    for response in (
        await http.get(DOCS, headers=stranger),
        await http.get(f"{DOCS}/{known}", headers=stranger),
        await http.delete(f"{DOCS}/{known}", headers=stranger),
    ):
        assert fault(response)[0] == "not_found_error"
    assert (await http.get(f"{DOCS}/{known}")).status_code == 200


async def test_a_list_is_paged(http: httpx.AsyncClient) -> None:
    for name in ("a.md", "b.md", "c.md"):
        await put(http, name=name)
    page = (await http.get(DOCS, params={"limit": 2, "offset": 1})).json()["documents"]
    assert [document["uri"] for document in page] == ["b.md", "c.md"]
    assert (await http.get(DOCS, params={"limit": 0})).status_code == 422


@pytest.mark.parametrize("known", ["nonsense", "00000000-0000-0000-0000-000000000000", "%00", "x" * 500])
async def test_an_id_that_cannot_be_found_is_not_found(http: httpx.AsyncClient, known: str) -> None:
    assert fault(await http.get(f"{DOCS}/{known}")) == ("not_found_error", "document_id")
    assert fault(await http.delete(f"{DOCS}/{known}")) == ("not_found_error", "document_id")


@pytest.mark.parametrize("corpus", ["UPPER", "a b", "x" * 65, "%2e%2e"])
async def test_a_strange_name_of_a_corpus_is_refused_everywhere(http: httpx.AsyncClient, corpus: str) -> None:
    address = f"/api/corpora/{corpus}/documents"
    for response in (
        await http.post(address, files={"file": ("a.md", b"x")}),
        await http.get(address),
        await http.delete(f"{address}/{document_id('', '', '')}"),
    ):
        if response.status_code != 404:
            assert fault(response) == ("invalid_request_error", "corpus")


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"file": "x"}},
        {"data": {"file": "not a file"}},
        {"files": {"other": ("a.md", b"x")}},
        {"content": b"broken", "headers": {"content-type": "multipart/form-data"}},
        {"content": b"broken", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"files": [("file", ("a.md", b"x")), ("file", ("b.md", b"y"))]},
    ],
)
async def test_a_body_that_is_no_form_with_one_file_is_refused(http: httpx.AsyncClient, sent: dict) -> None:
    assert fault(await http.post(DOCS, **sent)) == ("invalid_request_error", "file")


async def test_a_file_over_the_limit_is_refused_by_what_it_says_it_weighs(http: httpx.AsyncClient) -> None:
    assert fault(await put(http, "x" * 2 * MAX_BYTES)) == ("too_large_error", "file")


async def test_a_file_over_the_limit_is_not_read_to_its_end(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(1_000):
            sent += 10_000
            yield b"x" * 10_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert fault(await http.post(DOCS, content=endless(), headers=headers)) == ("too_large_error", "file")
    assert sent < MAX_BYTES + 200_000


async def test_a_form_names_access_groups_and_a_patch_changes_them(http: httpx.AsyncClient) -> None:
    known = (await put(http, group=["legal", "board"])).json()["document_id"]
    assert (await http.get(f"{DOCS}/{known}")).json()["groups"] == ["board", "legal"]
    shared = await http.patch(f"{DOCS}/{known}", json={"groups": ["hr"]})
    assert shared.json()["groups"] == ["hr"]
    assert "text" not in shared.json()
    await put(http)
    assert (await http.get(DOCS)).json()["documents"][0]["groups"] == ["hr"]
    await put(http, everyone="true")
    assert (await http.get(DOCS)).json()["documents"][0]["groups"] == []
    assert fault(await put(http, group="legal", everyone="true")) == ("invalid_request_error", "group")
    assert fault(await put(http, group="*")) == ("invalid_request_error", "groups")
    assert fault(await http.patch(f"{DOCS}/{known}", json={"groups": [" "]})) == (
        "invalid_request_error",
        "groups",
    )
