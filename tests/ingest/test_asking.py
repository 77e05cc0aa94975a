"""What did not change at its source is not sent again: jobs on a real web server and on a bucket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from ingest_parts import Parts, opened
from office import zipped
from websites import Recorder, Site, egress_to, website

from ingest import Ingestor, Upload
from ingest.jobs import JobWorker, runner
from ingest.sources import Reach
from tandem.embedding import Embedder
from tandem.settings import IngestSettings
from tandem.store import Job
from tandem.vocabulary import Caller, Scope, document_id

CALLER = Caller("acme")
HOME = "http://example.org/guide"
KNOWN = document_id("acme", "docs", HOME)
SETTINGS = IngestSettings(allow_urls=True, tries=2, retry_wait_s=0.01, near_duplicates=0.0)


class Page:
    """A page with an ETag; it notes what it was asked, and how often it had to send its content."""

    def __init__(self, text: str = "The lantern stands in the northern hall.") -> None:
        self.content = text.encode()
        self.etag: str | None = '"1"'
        self.media_type = "text/plain"
        self.sent = 0
        self.asked: list[str | None] = []
        self.meanwhile = lambda: None

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(handler.headers.get("if-none-match"))
        self.meanwhile()
        same = self.etag is not None and self.asked[-1] == self.etag
        handler.send_response(304 if same else 200)
        if self.etag is not None:
            handler.send_header("ETag", self.etag)
        handler.send_header("Content-Type", self.media_type)
        handler.send_header("Content-Length", "0" if same else str(len(self.content)))
        handler.end_headers()
        if not same:
            self.sent += 1
            handler.wfile.write(self.content)


class Desk:
    """Real parts, and jobs of one source."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.store = parts, parts.store
        self.store.register_worker("w1")
        self.ingestor = Ingestor(parts.store, parts.live, SETTINGS, "w1")

    async def do(
        self, source: dict[str, Any] | None = None, *, splitting: dict[str, Any] | None = None, **marks: Any
    ) -> Job:
        """Do a job with `--sync` to its end."""
        sources = [{**(source or {"kind": "urls", "urls": [HOME]}), **marks}]
        manifest = {"corpus": "docs", "sources": sources, "splitting": splitting or {}}
        job = self.store.create_job(CALLER, "docs", manifest, sync=True)
        async with asyncio.timeout(30):
            await JobWorker(self.store, self.ingestor, SETTINGS, "w1").run_one(CALLER, job.id)
        return self.store.job(CALLER, job.id)


@pytest.fixture
async def desk(embedder: Embedder, store_url: str | None, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(embedder, tmp_path, store_url) as parts:
        desk = Desk(parts)
        yield desk
        await desk.ingestor.close()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    with website() as (site, port):
        monkeypatch.setattr(runner, "Reach", lambda settings: Reach(settings, egress_to(Recorder(port))))
        page = Page()
        _put(site, page)
        yield page


def _put(site: Site, page: Page) -> None:
    site["/guide"] = site["/records.jsonl"] = page
    site["/robots.txt"] = (404, {}, b"")


async def test_a_page_that_did_not_change_is_not_sent_again_and_stays(desk: Desk, page: Page) -> None:
    assert (await desk.do()).counts == {"created": 1}
    again = await desk.do()
    assert (again.counts, again.tokens) == ({"unchanged": 1}, 0)
    assert (page.asked, page.sent) == ([None, '"1"'], 1)
    assert await desk.parts.index.count(Scope.of(CALLER)) == 1
    (record,) = desk.store.documents(CALLER, "docs")
    assert record.uri == HOME


async def test_a_page_that_changed_is_replaced_and_asked_for_by_its_new_sign(desk: Desk, page: Page) -> None:
    await desk.do()
    page.content, page.etag = b"The anchor stands in the southern hall.", '"2"'
    assert (await desk.do()).counts == {"replaced": 1}
    assert (await desk.do()).counts == {"unchanged": 1}
    assert (page.asked, page.sent) == ([None, '"1"', '"2"'], 2)


async def test_a_new_sign_of_the_same_content_is_kept(desk: Desk, page: Page) -> None:
    await desk.do()
    page.etag = '"2"'
    assert (await desk.do()).counts == {"unchanged": 1}
    assert (await desk.do()).counts == {"unchanged": 1}
    assert (page.asked[-1], page.sent) == ('"2"', 2)


async def test_a_page_without_a_sign_is_sent_each_time(desk: Desk, page: Page) -> None:
    page.etag = None
    await desk.do()
    assert (await desk.do()).counts == {"unchanged": 1}
    assert (page.asked, page.sent) == ([None, None], 2)


async def test_what_was_not_sent_again_expires_anew(desk: Desk, page: Page) -> None:
    soon, later = (datetime.now(UTC) + timedelta(days=days) for days in (1, 2))
    await desk.do(expires_at=soon.isoformat())
    assert (await desk.do(expires_at=later.isoformat())).counts == {"unchanged": 1}
    assert page.sent == 1
    assert desk.store.document(CALLER, "docs", KNOWN).marks.expires_at == later


@pytest.mark.parametrize(
    "change",
    [{"tags": ["new"]}, {"metadata": {"year": 2026}}, {"splitting": {"tokens": 24, "overlap": 0}}],
    ids=["tags", "metadata", "splitting"],
)
async def test_under_other_settings_a_page_is_sent_again(
    desk: Desk, page: Page, change: dict[str, Any]
) -> None:
    await desk.do()
    assert (await desk.do(**change)).counts == {"replaced": 1}
    assert (await desk.do(**change)).counts == {"unchanged": 1}
    assert (page.asked, page.sent) == ([None, None, '"1"'], 2)


async def test_a_page_whose_document_was_replaced_or_removed_is_sent_again(desk: Desk, page: Page) -> None:
    await desk.do()
    await desk.ingestor.ingest(CALLER, "docs", Upload(HOME, "guide", b"Something else was handed in."))
    assert (await desk.do()).counts == {"replaced": 1}
    await desk.ingestor.remove.document(CALLER, "docs", KNOWN)
    assert (await desk.do()).counts == {"created": 1}
    assert page.asked == [None, None, None]


async def test_a_document_that_changes_while_its_source_is_asked_is_asked_for_again(
    desk: Desk, page: Page
) -> None:
    await desk.do()
    loop = asyncio.get_running_loop()

    def replacing_meanwhile() -> None:
        page.meanwhile = lambda: None
        upload = Upload(HOME, "guide", b"Something else was handed in.")
        asyncio.run_coroutine_threadsafe(desk.ingestor.ingest(CALLER, "docs", upload), loop).result(20)

    page.meanwhile = replacing_meanwhile
    assert (await desk.do()).counts == {"replaced": 1}
    assert page.asked == [None, '"1"', None]
    assert "lantern" in str(desk.store.document(CALLER, "docs", KNOWN).text)


async def test_an_archive_and_a_file_of_records_are_sent_each_time(desk: Desk, page: Page) -> None:
    """Nothing is kept of them as a whole, so nothing says that all within them is there."""
    page.content = zipped({"a.txt": b"The lantern stands in the northern hall."})
    for _ in range(2):
        assert (await desk.do()).state == "done"
    page.content, page.media_type = b'{"id": 1, "body": "The anchor stands here."}', "application/jsonl"
    records = {"kind": "urls", "urls": ["http://example.org/records.jsonl"]}
    for _ in range(2):
        assert (await desk.do(records, records={"text": "body", "uri": "id"})).state == "done"
    assert (page.asked, page.sent) == ([None] * 4, 4)
    (record,) = desk.store.documents(CALLER, "docs")
    assert record.uri == "http://example.org/records.jsonl#1"


async def test_an_object_of_a_bucket_that_did_not_change_is_not_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = fsspec.filesystem("memory")
    store.pipe_file("/fresh/a.md", b"The lantern stands in the northern hall.")
    store.pipe_file("/fresh/b.md", b"The anchor stands in the southern hall.")
    read, cat_file = [], MemoryFileSystem.cat_file

    def noting_cat_file(self: MemoryFileSystem, path: str, **range_: Any) -> bytes:
        read.append(path)
        return cat_file(self, path, **range_)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", noting_cat_file)
    source = {"kind": "bucket", "url": "memory://fresh"}
    try:
        assert (await desk.do(source)).counts == {"created": 2}
        assert (await desk.do(source)).counts == {"unchanged": 2}
        store.pipe_file("/fresh/b.md", b"The mirror stands in the southern hall.")
        assert (await desk.do(source)).counts == {"unchanged": 1, "replaced": 1}
        store.rm("/fresh/a.md")
        assert (await desk.do(source)).counts == {"unchanged": 1, "removed": 1}
    finally:
        store.rm("/fresh", recursive=True)
    assert sorted(read) == ["/fresh/a.md", "/fresh/b.md", "/fresh/b.md"]
