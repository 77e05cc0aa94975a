"""Jobs from their sources to the index and out again, with the real parts."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from ingest_parts import Parts
from office import zipped
from sqlalchemy import update

from ingest import Ingestor, Upload, pipeline
from ingest.jobs import JobWorker, follow, runner
from ingest.jobs import worker as worker_module
from ingest.jobs.entries import entry_of_upload
from tandem.errors import ConflictError, StorageError, UnavailableError
from tandem.index import Query
from tandem.settings import IngestSettings
from tandem.store import Job
from tandem.store.job_schema import job_documents
from tandem.vocabulary import Caller, Marks, Scope, Where, document_id

CALLER = Caller("acme")
SCOPE = Scope.of(CALLER)
QUICK: dict[str, object] = {"retry_wait_s": 0.01, "tries": 2, "near_duplicates": 0.0}


def text_of(word: str) -> bytes:
    return f"The {word} stands in the northern hall, and nobody has moved it for years.".encode()


def mail(subject: str, *files: tuple[str, bytes], text: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "a@example.com", "b@example.com"
    message.set_content(text or f"Please read the {subject} before Monday.")
    for name, content in files:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


class Desk:
    """Real parts, a folder of files, and jobs on it."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self.parts, self.store, self.folder = parts, parts.store, folder
        folder.mkdir()

    def write(self, name: str, content: bytes | str) -> str:
        """Write a file; returns its address."""
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file.as_uri()

    def job(self, *, sync: bool = False, files: tuple[Upload, ...] = (), **source: Any) -> Job:
        """A job on the folder, or of files that were handed in."""
        sources = [] if files else [{"kind": "files", "paths": [str(self.folder)], **source}]
        entries = [entry_of_upload(upload) for upload in files]
        manifest = {"corpus": "docs", "sources": sources}
        return self.store.create_job(CALLER, "docs", manifest, sync=sync, files=entries)

    def worker(self, name: str = "w1", **settings: object) -> tuple[Ingestor, JobWorker]:
        self.store.seen_worker(name)
        chosen = IngestSettings(**{**QUICK, **settings})  # type: ignore[arg-type]
        ingestor = Ingestor(self.store, self.parts.live, chosen, name)
        return ingestor, JobWorker(self.store, ingestor, chosen, name)

    async def do(self, job: Job, **settings: object) -> Job:
        """Do a job to its end."""
        ingestor, worker = self.worker(**settings)
        try:
            async with asyncio.timeout(60):
                await worker.run_one(CALLER, job.id)
        finally:
            await ingestor.close()
        return self.store.job(CALLER, job.id)

    def states(self, job: Job) -> dict[str, str]:
        """State of each document, by the end of its address."""
        return {
            one.uri.rpartition("/")[2]: one.state
            for one in self.store.job_documents(CALLER, job.id, limit=1_000)
        }

    async def found(self, question: str, where: Where | None = None) -> set[str]:
        """Names of the documents in which something is found."""
        query = Query(question, await self.parts.embedder.embed_query(question), 50)
        passages = await self.parts.index.search(Scope.of(CALLER, None, where), query)
        current = self.store.current_versions("acme", [p.chunk.document_id for p in passages])
        assert all(current.get(p.chunk.document_id) == p.chunk.version for p in passages)
        return {p.chunk.uri.rpartition("/")[2] for p in passages}


@pytest.fixture
def desk(parts: Parts, tmp_path: Path) -> Desk:
    return Desk(parts, tmp_path / "files")


@asynccontextmanager
async def working(desk: Desk, name: str = "w1", **settings: object) -> AsyncIterator[JobWorker]:
    """A worker that goes on by itself until the block ends."""
    ingestor, worker = desk.worker(name, **settings)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.wait([task])
        await ingestor.close()


async def until(met: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.02)


async def test_a_folder_is_ingested_and_each_document_accounted_for(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    desk.write("sub/b.txt", text_of("anchor"))
    desk.write("broken.pdf", b"%PDF-1.7 nonsense")
    desk.write("photo.png", b"not taken from a folder")
    ended = await desk.do(job := desk.job())
    assert (ended.state, ended.counts, ended.error) == ("done", {"created": 2, "failed": 1}, None)
    assert ended.listed
    assert ended.chunks == await desk.parts.index.count(SCOPE) == 2
    (failure,) = desk.store.job_documents(CALLER, job.id, "failed")
    assert failure.error is not None
    assert (failure.name, failure.error["type"]) == ("broken.pdf", "unreadable_document_error")
    assert await desk.found("lantern anchor") == {"a.md", "b.txt"}
    again = await desk.do(desk.job())
    assert (again.counts, again.chunks, again.tokens) == ({"unchanged": 2, "failed": 1}, 0, 0)


async def test_a_changed_file_is_replaced(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job())
    desk.write("a.md", text_of("anchor"))
    assert (await desk.do(desk.job())).counts == {"replaced": 1}
    assert await desk.parts.index.count(SCOPE) == 1


async def test_archives_and_those_within_become_documents_at_addresses_of_their_own(desk: Desk) -> None:
    inner = zipped({"deep.txt": text_of("compass")})
    desk.write(
        "box.zip", zipped({"a.txt": text_of("lantern"), "more/inner.zip": inner, "bad.pdf": b"%PDF-x"})
    )
    ended = await desk.do(job := desk.job())
    assert ended.counts == {"unpacked": 1, "created": 2, "failed": 1}
    assert desk.states(job)["deep.txt"] == "created"
    uris = set(desk.store.current_uris("acme", "docs", datetime.now(UTC)).values())
    box = (desk.folder / "box.zip").as_uri()
    assert uris == {f"{box}!/a.txt", f"{box}!/more/inner.zip!/deep.txt"}


async def test_an_archive_within_too_many_mails_and_archives_is_refused(desk: Desk) -> None:
    content = text_of("compass")
    name = "deep.txt"
    for depth in range(4):
        content = mail(f"letter {depth}", (name, content)) if depth % 2 == 0 else zipped({name: content})
        name = f"{depth}.eml" if depth % 2 == 0 else f"{depth}.zip"
    desk.write("outer.zip", content)
    ended = await desk.do(job := desk.job(), max_nesting=2)
    (failure,) = desk.store.job_documents(CALLER, job.id, "failed")
    assert failure.error is not None
    assert "deeper than 2" in failure.error["message"]
    assert ended.state == "done"
    assert "compass" not in str(await desk.found("compass"))


async def test_attachments_become_documents_with_the_marks_of_their_mail(desk: Desk) -> None:
    desk.write(
        "m.eml", mail("plan", ("notes.txt", text_of("lantern")), ("box.zip", zipped({"x.txt": text_of("x")})))
    )
    ended = await desk.do(job := desk.job(tags=["legal"], metadata={"year": 2024}))
    assert ended.counts == {"created": 3, "unpacked": 1}
    assert desk.states(job) == {
        "m.eml": "created",
        "notes.txt": "created",
        "box.zip": "unpacked",
        "x.txt": "created",
    }
    assert await desk.found("lantern", Where(tags=("legal",))) >= {"notes.txt", "x.txt", "m.eml"}


async def test_attachments_of_a_mail_that_is_in_already_are_not_forgotten(desk: Desk) -> None:
    """As after a stop between the mail's switch and the listing of what it holds."""
    content = mail("plan", ("notes.txt", text_of("lantern")))
    uri = desk.write("m.eml", content)
    ingestor, _ = desk.worker()
    await ingestor.ingest(CALLER, "docs", Upload(uri, "m.eml", content))
    await ingestor.close()
    ended = await desk.do(job := desk.job())
    assert ended.counts == {"unchanged": 1, "created": 1}
    assert desk.states(job)["notes.txt"] == "created"


async def test_records_become_documents(desk: Desk) -> None:
    lines = [
        {"id": n, "body": text_of(f"lantern {n}").decode(), "kind": kind} for n, kind in enumerate("aab")
    ]
    desk.write("r.jsonl", "\n".join(json.dumps(line) for line in lines))
    mapping = {"text": "body", "uri": "id", "metadata": ["kind"]}
    ended = await desk.do(desk.job(records=mapping))
    assert ended.counts == {"unpacked": 1, "created": 3}
    chosen = Where(metadata=(("kind", ("a",)),))
    assert await desk.found("lantern", chosen) == {"r.jsonl#0", "r.jsonl#1"}


async def test_questions_are_narrowed_by_marks(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job(tags=["legal", "old"], metadata={"year": 2024}))
    assert await desk.found("lantern", Where(tags=("legal", "old"))) == {"a.md"}
    assert await desk.found("lantern", Where(tags=("legal", "new"))) == set()
    assert await desk.found("lantern", Where(metadata=(("year", (2024,)),))) == {"a.md"}
    assert await desk.found("lantern", Where(metadata=(("year", (2023,)),))) == set()


async def test_what_may_pass_is_tried_again_and_what_does_not_pass_is_kept_with_its_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("flaky.md", "dead.md", "sound.md"):
        desk.write(name, text_of(name))
    real, tries = runner.fetch, {"flaky.md": 0, "dead.md": 0}

    def fault_forcing_fetch(source: Any, item: Any, reach: Any) -> Upload:
        if item.name in tries:
            tries[item.name] += 1
            if item.name == "dead.md" or tries[item.name] <= 2:
                raise UnavailableError("away for now", hint="Wait.")
        return real(source, item, reach)

    monkeypatch.setattr(runner, "fetch", fault_forcing_fetch)
    ended = await desk.do(job := desk.job(), tries=3)
    assert ended.counts == {"created": 2, "failed": 1}
    assert tries == {"flaky.md": 3, "dead.md": 3}
    (dead,) = desk.store.job_documents(CALLER, job.id, "failed")
    assert (dead.name, dead.tries) == ("dead.md", 3)
    assert dead.error == {"type": "unavailable_error", "message": "away for now", "hint": "Wait."}
    monkeypatch.undo()
    desk.store.retry_job(CALLER, job.id)
    assert (await desk.do(job)).counts == {"created": 3}


async def test_a_file_that_was_handed_in_can_be_tried_again_without_sending_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = Upload("u", "u.txt", text_of("lantern"), title="Named", marks=Marks(("t",), {"k": 1}))
    real = desk.store.begin_version

    def refusing_begin(*_: object, **named: object) -> None:
        raise StorageError("The disk is full")

    monkeypatch.setattr(desk.store, "begin_version", refusing_begin)
    job = desk.job(files=(upload,))
    assert (await desk.do(job)).counts == {"failed": 1}
    monkeypatch.setattr(desk.store, "begin_version", real)
    desk.store.retry_job(CALLER, job.id)
    assert (await desk.do(job)).counts == {"created": 1}
    record = desk.store.document(CALLER, "docs", document_id("acme", "docs", "u"))
    assert (record.title, record.marks) == ("Named", upload.marks)


async def test_a_fault_of_ours_in_one_document_stops_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.md", text_of("lantern"))
    desk.write("b.md", text_of("anchor"))
    real = runner.fetch

    def breaking_fetch(source: Any, item: Any, reach: Any) -> Upload:
        if item.name == "a.md":
            raise ZeroDivisionError
        return real(source, item, reach)

    monkeypatch.setattr(runner, "fetch", breaking_fetch)
    ended = await desk.do(job := desk.job())
    assert (ended.state, ended.counts) == ("done", {"created": 1, "failed": 1})
    (failure,) = desk.store.job_documents(CALLER, job.id, "failed")
    assert failure.error is not None
    assert failure.error["type"] == "internal_error"


async def test_a_fault_of_ours_in_a_job_ends_the_job_and_not_the_worker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.md", text_of("lantern"))
    with monkeypatch.context() as patch:

        def breaking_items(*_: object) -> None:
            raise ZeroDivisionError

        patch.setattr(runner, "items", breaking_items)
        async with working(desk) as worker:
            broken = desk.job()
            await until(lambda: desk.store.job(CALLER, broken.id).ended)
            patch.undo()
            sound = desk.job()
            worker.wake()
            await until(lambda: desk.store.job(CALLER, sound.id).ended)
    assert desk.store.job(CALLER, broken.id).state == "failed"
    assert desk.store.job(CALLER, sound.id).state == "done"


@pytest.mark.parametrize("place", ["seen_worker", "has_free_job", "purge_jobs"])
async def test_a_fault_of_ours_beside_the_jobs_does_not_end_the_worker(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(worker_module, "_BEAT_S", 0.05)
    real, calls = getattr(desk.store, place), []

    def breaking(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) <= 2:
            raise ZeroDivisionError
        return real(*arguments)

    monkeypatch.setattr(worker_module, "_TIDY_S", 0.05)
    async with working(desk) as worker:
        monkeypatch.setattr(desk.store, place, breaking)
        await until(lambda: len(calls) > 2)
        desk.write("a.md", text_of("lantern"))
        job = desk.job()
        worker.wake()
        await until(lambda: desk.store.job(CALLER, job.id).ended)
    assert desk.store.job(CALLER, job.id).counts == {"created": 1}


@pytest.mark.parametrize("alone", [False, True], ids=["a server", "a command"])
async def test_a_job_that_is_broken_off_again_and_again_does_not_spin(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    tries: list[int] = []

    async def conflicting_orphans(_: Ingestor) -> None:
        tries.append(1)
        raise ConflictError("The document that says the same was just removed")

    monkeypatch.setattr(Ingestor, "index_orphans", conflicting_orphans)
    monkeypatch.setattr(Ingestor, "repair", lambda _: asyncio.sleep(0))
    desk.write("a.md", text_of("lantern"))
    job = desk.job()
    ingestor, worker = desk.worker()
    working = asyncio.create_task(worker.run_one(CALLER, job.id) if alone else worker.run())
    begun = time.monotonic()
    await until(lambda: len(tries) > 4)
    working.cancel()
    await asyncio.wait([working])
    await ingestor.close()
    # A server has two that look for jobs, every half second each.
    assert time.monotonic() - begun > 4 * (0.45 if alone else 0.2)


async def test_a_job_that_the_store_did_not_take_back_is_let_go_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away in the middle of a job, also when the job is to be let go; then it is back."""
    monkeypatch.setattr(worker_module, "_BEAT_S", 0.1)
    desk.write("a.md", text_of("lantern"))
    real, away = desk.store.end_listing, True

    def absent(*arguments: Any) -> None:
        if away:
            raise UnavailableError("The database server cannot be reached")
        real(*arguments)

    release = desk.store.release_job
    monkeypatch.setattr(desk.store, "end_listing", absent)
    monkeypatch.setattr(desk.store, "release_job", lambda claim: absent(claim) if away else release(claim))
    async with working(desk):
        job = desk.job()
        await until(lambda: desk.store.job(CALLER, job.id).state == "running")
        await asyncio.sleep(0.3)
        assert desk.store.job(CALLER, job.id).state == "running"
        away = False
        await until(lambda: desk.store.job(CALLER, job.id).ended)
    assert desk.store.job(CALLER, job.id).counts == {"created": 1}


async def test_a_job_that_met_a_conflict_at_its_end_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a copy whose original was removed while it was written; the claim is not lost by that."""
    desk.write("a.md", text_of("lantern"))
    real, calls = Ingestor.index_orphans, []

    async def conflicting_orphans(ingestor: Ingestor) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise ConflictError("The document that says the same was just removed")
        await real(ingestor)

    monkeypatch.setattr(Ingestor, "index_orphans", conflicting_orphans)
    assert (await desk.do(desk.job())).state == "done"


async def test_a_worker_stops_though_the_store_takes_nothing_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.md", text_of("lantern"))
    stuck = await slowed(desk, monkeypatch, after=0)

    def absent(*_: object) -> None:
        raise UnavailableError("The database server cannot be reached")

    async with asyncio.timeout(20):
        async with working(desk, tries=9):
            desk.job()
            await stuck.wait()
            monkeypatch.setattr(desk.store, "release_job", absent)


async def test_a_folder_that_is_not_there_fails_the_job(desk: Desk) -> None:
    job = desk.job(paths=[str(desk.folder / "nowhere")])
    ended = await desk.do(job)
    assert (ended.state, ended.counts) == ("failed", {})
    assert ended.error is not None
    assert ended.error["type"] == "not_found_error"


async def test_a_source_that_is_away_for_a_moment_is_listed_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("a.md", text_of("lantern"))
    real, calls = runner.items, []

    def flaky_items(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise UnavailableError("bucket away")
        return real(*arguments)

    monkeypatch.setattr(runner, "items", flaky_items)
    assert (await desk.do(desk.job())).counts == {"created": 1}


async def slowed(desk: Desk, monkeypatch: pytest.MonkeyPatch, after: int) -> asyncio.Event:
    """Let all documents but the first `after` wait at their fetch for ever; the event tells that one does."""
    stuck, loop, done = asyncio.Event(), asyncio.get_running_loop(), []
    real = desk.store.begin_version

    def waiting_begin(*arguments: Any, **named: Any) -> None:
        if len(done) >= after:
            loop.call_soon_threadsafe(stuck.set)
            raise UnavailableError("stuck", retry_after=100)
        done.append(1)
        real(*arguments, **named)

    monkeypatch.setattr(desk.store, "begin_version", waiting_begin)
    return stuck


async def test_a_job_is_cancelled_in_the_middle_and_can_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        desk.write(f"{number:02}.md", text_of(f"lantern {number}"))
    stuck = await slowed(desk, monkeypatch, after=3)
    job = desk.job()
    async with working(desk, tries=9):
        await stuck.wait()
        await until(lambda: desk.store.job(CALLER, job.id).counts.get("created") == 3)
        desk.store.cancel_job(CALLER, job.id)
        await until(lambda: desk.store.job(CALLER, job.id).ended)
    ended = desk.store.job(CALLER, job.id)
    assert (ended.state, ended.counts) == ("cancelled", {"created": 3, "cancelled": 9})
    assert await desk.parts.index.count(SCOPE) == 3
    assert desk.store.leftovers(writer="w1") == []
    monkeypatch.undo()
    desk.store.retry_job(CALLER, job.id)
    assert (await desk.do(job)).counts == {"created": 12}


async def test_what_one_worker_began_another_ends(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        desk.write(f"{number}.md", text_of(f"lantern {number}"))
    stuck = await slowed(desk, monkeypatch, after=2)
    job = desk.job()
    async with working(desk, "w1", tries=9):
        await stuck.wait()
        await until(lambda: desk.store.job(CALLER, job.id).counts.get("created") == 2)
    assert desk.store.job(CALLER, job.id).state == "queued"
    monkeypatch.undo()
    with desk.store._writing() as connection:  # what was postponed is due now
        connection.execute(update(job_documents).values(due_at=datetime.now(UTC)))
    async with working(desk, "w2"):
        await until(lambda: desk.store.job(CALLER, job.id).ended)
    assert desk.store.job(CALLER, job.id).counts == {"created": 6}
    assert await desk.parts.index.count(SCOPE) == 6


async def test_sync_removes_what_has_vanished_and_nothing_else(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    desk.write("b.md", text_of("anchor"))
    await desk.do(desk.job(sync=True))
    (desk.folder / "b.md").unlink()
    assert (await desk.do(desk.job())).counts == {"unchanged": 1}
    assert await desk.found("anchor lantern") == {"a.md", "b.md"}
    ended = await desk.do(job := desk.job(sync=True))
    assert ended.counts == {"unchanged": 1, "removed": 1}
    assert desk.states(job)["b.md"] == "removed"
    assert await desk.found("anchor lantern") == {"a.md"}


@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside another source"])
async def test_sync_removes_nothing_where_a_source_lists_nothing(
    desk: Desk, tmp_path: Path, others: bool
) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job(sync=True))
    (desk.folder / "a.md").unlink()
    second = tmp_path / "second"
    second.mkdir()
    (second / "s.md").write_bytes(text_of("anchor"))
    sources = [{"kind": "files", "paths": [str(folder)]} for folder in (desk.folder, second)[: 1 + others]]
    job = desk.store.create_job(CALLER, "docs", {"corpus": "docs", "sources": sources}, sync=True)
    ended = await desk.do(job)
    assert (ended.state, ended.counts) == ("failed", {"created": 1} if others else {})
    assert ended.error is not None
    assert "none was removed" in ended.error["message"]
    assert "a.md" in await desk.found("lantern")


async def test_two_sources_with_the_same_files_are_not_taken_for_an_empty_one(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    source = {"kind": "files", "paths": [str(desk.folder)]}
    job = desk.store.create_job(CALLER, "docs", {"corpus": "docs", "sources": [source, source]}, sync=True)
    assert (await desk.do(job)).state == "done"


async def test_sync_removes_nothing_after_a_listing_that_failed_or_was_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.md", "b.md", "c.md"):
        desk.write(name, text_of(name))
    await desk.do(desk.job(sync=True))
    real = runner.items

    def broken_items(source: Any, reach: Any) -> Any:
        yield next(iter(real(source, reach)))
        raise StorageError("The folder cannot be read")

    monkeypatch.setattr(runner, "items", broken_items)
    assert (await desk.do(desk.job(sync=True))).state == "failed"
    assert await desk.parts.index.count(SCOPE) == 3

    cancelled = desk.job(sync=True)
    monkeypatch.setattr(runner, "_LISTED_AT_ONCE", 1)

    def cancelling_items(source: Any, reach: Any) -> Any:
        for item in real(source, reach):
            desk.store.cancel_job(CALLER, cancelled.id)
            yield item

    monkeypatch.setattr(runner, "items", cancelling_items)
    ended = await desk.do(cancelled)
    assert (ended.state, ended.listed) == ("cancelled", False)
    monkeypatch.undo()
    # Tried again, it must list the rest before it judges what has vanished.
    desk.store.retry_job(CALLER, cancelled.id)
    assert (await desk.do(cancelled)).counts == {"unchanged": 3}
    assert await desk.parts.index.count(SCOPE) == 3


async def test_an_old_sync_that_is_tried_again_leaves_what_came_since(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    desk.write("bad.pdf", b"%PDF-1.7 nonsense")
    old = desk.job(sync=True)
    await desk.do(old)
    desk.write("b.md", text_of("anchor"))
    await desk.do(desk.job(sync=True))
    desk.store.retry_job(CALLER, old.id)
    await desk.do(old)
    assert await desk.found("lantern anchor") == {"a.md", "b.md"}


async def test_sync_leaves_what_came_in_while_it_went_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.md", text_of("lantern"))
    job = desk.job(sync=True)
    ingestor, worker = desk.worker()
    check = runner.JobRunner._check_sources

    def uploading_meanwhile(*arguments: Any) -> None:
        check(*arguments)
        upload = Upload("meanwhile", "m.txt", text_of("anchor"))
        asyncio.run_coroutine_threadsafe(ingestor.ingest(CALLER, "docs", upload), loop).result(20)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(runner.JobRunner, "_check_sources", uploading_meanwhile)
    await worker.run_one(CALLER, job.id)
    await ingestor.close()
    assert desk.store.job(CALLER, job.id).state == "done"
    assert await desk.found("anchor") == {"a.md", "meanwhile"}


async def test_parts_of_an_archive_that_failed_or_did_not_change_stay(desk: Desk) -> None:
    desk.write("box.zip", zipped({"a.txt": text_of("lantern")}))
    desk.write("m.eml", mail("plan", ("notes.txt", text_of("anchor"))))
    await desk.do(desk.job(sync=True))
    desk.write("box.zip", b"PK\x03\x04 damaged now")
    ended = await desk.do(desk.job(sync=True))
    assert ended.counts == {"unchanged": 2, "failed": 1}
    assert await desk.found("lantern anchor plan") == {"a.txt", "notes.txt", "m.eml"}
    desk.write("box.zip", zipped({"b.txt": text_of("compass")}))
    desk.write("m.eml", mail("plan"))
    assert (await desk.do(desk.job(sync=True))).counts["removed"] == 2
    assert await desk.found("lantern anchor plan") == {"b.txt", "m.eml"}


async def test_a_corpus_is_cut_as_its_manifest_says(desk: Desk) -> None:
    desk.write("a.md", b"\n\n".join(text_of(f"lantern {n}") for n in range(8)))
    await desk.do(desk.job())
    whole = await desk.parts.index.count(SCOPE)
    manifest = {
        "corpus": "docs",
        "sources": [{"kind": "files", "paths": [str(desk.folder)]}],
        "splitting": {"tokens": 24, "overlap": 0},
    }
    ended = await desk.do(desk.store.create_job(CALLER, "docs", manifest))
    assert ended.counts == {"replaced": 1}
    assert await desk.parts.index.count(SCOPE) == ended.chunks > whole
    assert desk.store.splitting_of("acme", "docs") == {"tokens": 24, "overlap": 0}


async def test_another_moment_of_expiry_embeds_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job())
    soon = datetime.now(UTC) + timedelta(seconds=4)
    ended = await desk.do(desk.job(expires_at=soon.isoformat()))
    assert (ended.counts, ended.tokens) == ({"unchanged": 1}, 0)
    assert await desk.found("lantern") == {"a.md"}
    await asyncio.sleep(max(0, (soon - datetime.now(UTC)).total_seconds()) + 0.05)
    assert await desk.found("lantern") == set()
    assert await desk.parts.index.count(SCOPE) == 1
    ended = await desk.do(desk.job())
    assert (ended.counts, ended.tokens) == ({"unchanged": 1}, 0)
    assert await desk.found("lantern") == {"a.md"}


async def test_what_has_expired_is_removed_by_itself(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job(expires_at=(datetime.now(UTC) - timedelta(seconds=1)).isoformat()))
    assert await desk.parts.index.count(SCOPE) == 1
    async with working(desk):
        await until(lambda: not desk.store.corpora(CALLER))
    assert await desk.parts.index.count(SCOPE) == 0


async def test_a_corpus_that_is_deleted_under_a_job_stays_deleted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document is just being read, so the store knows nothing of it when its corpus goes."""
    desk.write("a.md", text_of("lantern"))
    ingestor, worker = desk.worker()
    loop, real = asyncio.get_running_loop(), pipeline.parse

    def deleting_meanwhile(*arguments: Any) -> Any:
        asyncio.run_coroutine_threadsafe(ingestor.remove.corpus(CALLER, "docs"), loop).result(20)
        return real(*arguments)

    monkeypatch.setattr(pipeline, "parse", deleting_meanwhile)
    job = desk.job()
    async with asyncio.timeout(30):
        claimed = desk.store.claim_job("w1", job.id)
        assert claimed is not None
        await worker._runner.run(*claimed)
    await ingestor.close()
    assert not desk.store.holds("acme", "docs")
    assert await desk.parts.index.count(SCOPE) == 0
    assert desk.store.jobs(CALLER) == []


async def test_followers_see_every_document_once_and_the_end_last(desk: Desk) -> None:
    for number in range(5):
        desk.write(f"{number}.md", text_of(f"lantern {number}"))
    job = desk.job()

    async def watch() -> list[Any]:
        return [event async for event in follow(desk.store, CALLER, job.id)]

    watching = asyncio.create_task(watch())
    await desk.do(job)
    events = await asyncio.wait_for(watching, 20)
    seen = sorted(event.document.name for event in events if event.document is not None)
    assert seen == [f"{number}.md" for number in range(5)]
    assert (events[-1].document, events[-1].job.state) == (None, "done")


async def test_a_name_that_is_no_utf8_is_ingested(desk: Desk) -> None:
    raw = os.fsencode(desk.folder) + b"/caf\xe9.md"
    Path(os.fsdecode(raw)).write_bytes(text_of("lantern"))
    assert (await desk.do(desk.job())).counts == {"created": 1}
