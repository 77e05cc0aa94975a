"""Jobs that meet faults, are cancelled, or pass from one worker to another."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from jobs_desk import CALLER, SCOPE, Desk, text_of, until, working
from sqlalchemy import update

from ingest import Ingestor, Upload
from ingest.jobs import runner
from ingest.jobs import worker as worker_module
from tandem.errors import ConflictError, StorageError, UnavailableError
from tandem.store.job_schema import job_documents
from tandem.vocabulary import Marks, document_id


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
