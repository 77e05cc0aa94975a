"""Jobs in the database, on both of them: claimed once, fenced, resumed, cancelled, tried again, forgotten."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.settings import StoreSettings
from tandem.store import Claim, Job, NewJobDocument, Outcome, Store, open_store
from tandem.store.job_schema import contents, job_documents, jobs, workers
from tandem.vocabulary import Caller, Document

CALLER, STRANGER = Caller("acme"), Caller("other")
SOURCES = {"corpus": "docs", "sources": [{"kind": "files", "paths": ["/x"]}]}
DONE = Outcome("created", "known", chunks=2, tokens=5, warnings=("odd",))
FAULT = {"type": "unavailable_error", "message": "away"}
THREADS = 6


def a_file(uri: str, content: bytes = b"text") -> NewJobDocument:
    return NewJobDocument(uri, uri, -1, content=content)


def listed(uri: str) -> NewJobDocument:
    return NewJobDocument(uri, uri, 0, {"path": uri}, "r1")


def claimed(store: Store, *files: NewJobDocument, worker: str = "w1", **more: Any) -> tuple[Claim, Job]:
    """A job with these files, claimed by a worker that lives."""
    store.seen_worker(worker)
    job = store.create_job(CALLER, "docs", {"corpus": "docs", "sources": []}, files=files, **more)
    taken = store.claim_job(worker, job.id)
    assert taken is not None
    return taken[0], job


def rows(store: Store, query: Any) -> Any:
    with store._engine.connect() as connection:
        return connection.execute(query).scalar_one()


def kill(store: Store, worker: str) -> None:
    """A worker that has not been seen for longer than its lease."""
    with store._writing() as connection:
        long_ago = datetime.now(UTC) - timedelta(seconds=31)
        connection.execute(update(workers).where(workers.c.id == worker).values(seen_at=long_ago))


def test_a_job_waits_with_the_files_that_came_with_it(store: Store) -> None:
    job = store.create_job(CALLER, "docs", SOURCES, sync=True, files=[a_file("a"), a_file("b")])
    assert (job.state, job.sync, job.listed, job.counts, job.total) == (
        "queued",
        True,
        False,
        {"waiting": 2},
        2,
    )
    assert job.manifest == SOURCES
    assert [one.uri for one in store.job_documents(CALLER, job.id)] == ["a", "b"]
    assert store.jobs(CALLER) == store.jobs(CALLER, "docs") == [job]
    assert store.jobs(CALLER, "more") == store.jobs(STRANGER) == []
    for look in (store.job, store.job_documents, store.cancel_job, store.retry_job):
        with pytest.raises(NotFoundError):
            look(STRANGER, job.id)


@pytest.mark.parametrize("name", ["\x00", "a\ud800", "x" * 1_000, ""])
def test_an_id_that_no_database_takes_is_just_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFoundError):
        store.job(CALLER, name)


def test_one_of_many_threads_gets_a_job(store: Store) -> None:
    job = store.create_job(CALLER, "docs", SOURCES)
    gate = Barrier(THREADS)

    def claim(number: int) -> tuple[Claim, Job] | None:
        gate.wait(10)
        return store.claim_job(f"w{number}")

    for number in range(THREADS):
        store.seen_worker(f"w{number}")
    with ThreadPoolExecutor(THREADS) as pool:
        won = [taken for taken in pool.map(claim, range(THREADS)) if taken is not None]
    assert [(claim, job.state) for claim, job in won] == [(Claim(job.id, 1), "running")]
    assert not store.has_free_job()


def test_jobs_are_claimed_in_the_order_in_which_they_came(store: Store) -> None:
    first, second = (store.create_job(CALLER, "docs", SOURCES) for _ in range(2))
    store.seen_worker("w1")
    order = [taken[0].job_id for _ in range(2) if (taken := store.claim_job("w1"))]
    assert order == [first.id, second.id]
    assert store.claim_job("w1") is None


def test_a_dead_workers_job_is_taken_and_a_living_ones_is_not(store: Store) -> None:
    claim, job = claimed(store)
    store.seen_worker("w2")
    assert not store.has_free_job()
    assert store.claim_job("w2") is None
    kill(store, "w1")
    assert store.has_free_job()
    taken = store.claim_job("w2")
    assert taken is not None
    assert taken[0] == Claim(job.id, claim.number + 1)
    assert taken[1].started_at == store.job(CALLER, job.id).started_at is not None


def test_a_worker_that_is_struck_out_loses_its_job(store: Store) -> None:
    claimed(store)
    store.leave_worker("w1")
    store.seen_worker("w2")
    assert store.claim_job("w2") is not None


def test_what_a_stale_claim_writes_does_not_count(store: Store) -> None:
    stale, job = claimed(store, a_file("a"))
    kill(store, "w1")
    store.seen_worker("w2")
    store.claim_job("w2")
    before = store.job(CALLER, job.id), store.job_documents(CALLER, job.id)
    now = datetime.now(UTC)
    document = Document("acme", "docs", "a", "A", "text/plain", "text", "0" * 64)
    for write in (
        lambda: store.list_documents(stale, [listed("x")]),
        lambda: store.end_listing(stale),
        lambda: store.end_document(stale, 0, DONE, [listed("x")]),
        lambda: store.postpone_document(stale, 0, now, FAULT),
        lambda: store.add_outcome(stale, "x", Outcome("removed")),
        lambda: store.end_job(stale, "done"),
        lambda: store.begin_version(document, "v1", claim=stale),
    ):
        with pytest.raises(ConflictError):
            write()
    store.release_job(stale)
    assert (store.job(CALLER, job.id), store.job_documents(CALLER, job.id)) == before
    assert store.is_cancelling(stale)
    assert store.leftovers() == []


def test_a_released_job_is_anybodys_at_once(store: Store) -> None:
    claim, job = claimed(store)
    store.release_job(claim)
    store.seen_worker("w2")
    assert store.job(CALLER, job.id).state == "queued"
    assert store.claim_job("w2") is not None


def test_a_job_of_another_hosts_files_is_left_to_that_host(store: Store) -> None:
    job = store.create_job(CALLER, "docs", SOURCES, local=True)
    with store._writing() as connection:
        connection.execute(update(jobs).values(host="elsewhere"))
    assert not store.has_free_job()
    assert store.claim_job("w1") is store.claim_job("w1", job.id) is None


def test_listing_twice_is_harmless(store: Store) -> None:
    claim, job = claimed(store)
    store.list_documents(claim, [listed("a"), listed("b")])
    store.end_document(claim, 0, DONE)
    store.list_documents(claim, [listed("b"), listed("c"), listed("a"), replace(listed("c"), name="C")])
    store.end_listing(claim)
    found = store.job_documents(CALLER, job.id)
    assert [(one.place, one.uri, one.state) for one in found] == [
        (0, "a", "created"),
        (1, "b", "waiting"),
        (2, "c", "waiting"),
    ]
    assert found[1].locator == {"path": "b"}
    assert (found[1].revision, found[2].name) == ("r1", "c")
    assert store.job(CALLER, job.id).listed
    assert store.listed_sources(job.id) == {0}


def test_more_documents_than_a_database_takes_values_in_one_statement(tmp_path: Path) -> None:
    """SQLite takes the fewest."""
    store = open_store(StoreSettings(), tmp_path)
    claim, job = claimed(store, a_file("all"))
    store.end_document(claim, 0, Outcome("unpacked"), [listed(str(n)) for n in range(33_000)])
    assert store.job(CALLER, job.id).counts == {"unpacked": 1, "waiting": 33_000}
    assert store.job_documents(CALLER, job.id, after=32_999)[0].uri == "32999"
    store.close()


def test_documents_are_due_by_place_and_not_before_their_time(store: Store) -> None:
    claim, _ = claimed(store, *(a_file(uri) for uri in "abcd"))
    later = datetime.now(UTC) + timedelta(hours=1)
    store.postpone_document(claim, 1, later, FAULT)
    assert [one.uri for one in store.due_documents(claim, 2)] == ["a", "c"]
    assert [one.uri for one in store.due_documents(claim, 9, [0, 3])] == ["c"]
    for place in (0, 2, 3):
        store.end_document(claim, place, DONE)
    assert store.due_documents(claim, 9) == []
    assert store.next_due(claim) == later
    store.postpone_document(claim, 1, datetime.now(UTC), FAULT)
    (again,) = store.due_documents(claim, 9)
    assert (again.tries, again.error) == (2, FAULT)
    store.end_document(claim, 1, DONE)
    assert store.next_due(claim) is None


def test_an_outcome_and_what_it_found_are_written_in_one_step(store: Store) -> None:
    claim, job = claimed(store, a_file("a.zip"))
    store.end_document(claim, 0, DONE, [replace(a_file("a.zip!/b", b"inner"), depth=1)])
    outer, inner = store.job_documents(CALLER, job.id)
    assert (outer.state, outer.document_id, outer.chunks, outer.tokens, outer.warnings, outer.tries) == (
        "created",
        "known",
        2,
        5,
        ["odd"],
        1,
    )
    assert (inner.state, inner.depth, inner.content_hash is not None) == ("waiting", 1, True)
    assert store.content(job.id, inner.content_hash or "") == b"inner"
    assert [one.place for one in store.ended_documents(CALLER, job.id, datetime.fromtimestamp(0, UTC))] == [0]
    now = store.job(CALLER, job.id)
    assert (now.counts, now.chunks, now.tokens) == ({"created": 1, "waiting": 1}, 2, 5)
    assert store.states_of_uris(job.id) == {"a.zip": "created", "a.zip!/b": "waiting"}


def test_files_that_failed_are_kept_and_the_others_let_go(store: Store) -> None:
    claim, job = claimed(store, a_file("a", b"1"), a_file("b", b"2"), a_file("c", b"2"), a_file("d", b"3"))
    for place, state in enumerate(("created", "failed", "created", "created")):
        store.end_document(claim, place, Outcome(state))
    store.end_job(claim, "done")
    hashes = {one.uri: one.content_hash or "" for one in store.job_documents(CALLER, job.id)}
    assert store.content(job.id, hashes["b"]) == b"2"
    for gone in ("a", "d"):
        with pytest.raises(NotFoundError):
            store.content(job.id, hashes[gone])
    ended = store.job(CALLER, job.id)
    assert (ended.state, ended.ended, ended.ended_at is not None) == ("done", True, True)


def test_one_key_makes_one_job_however_often_and_at_once_it_is_sent(store: Store) -> None:
    gate = Barrier(THREADS)

    def create(_: int) -> str:
        gate.wait(10)
        return store.create_job(CALLER, "docs", SOURCES, request_key="k", files=[a_file("a")]).id

    with ThreadPoolExecutor(THREADS) as pool:
        ids = set(pool.map(create, range(THREADS)))
    assert len(ids) == 1
    assert rows(store, select(func.count()).select_from(job_documents)) == 1
    assert store.create_job(STRANGER, "docs", SOURCES, request_key="k").id not in ids


def test_a_key_that_is_used_for_something_else_is_refused(store: Store) -> None:
    store.create_job(CALLER, "docs", SOURCES, request_key="k", files=[a_file("a")])
    for corpus, manifest, more in (
        ("more", SOURCES, {"files": [a_file("a")]}),
        ("docs", {}, {"files": [a_file("a")]}),
        ("docs", SOURCES, {"files": [a_file("a", b"other")]}),
        ("docs", SOURCES, {"files": [a_file("a"), a_file("b")]}),
        ("docs", SOURCES, {"files": [a_file("a")], "sync": True}),
    ):
        with pytest.raises(ConflictError):
            store.create_job(CALLER, corpus, manifest, request_key="k", **more)  # type: ignore[arg-type]
    assert len(store.jobs(CALLER)) == 1


def test_a_queued_job_is_cancelled_at_once(store: Store) -> None:
    job = store.create_job(CALLER, "docs", SOURCES, files=[a_file("a")])
    cancelled = store.cancel_job(CALLER, job.id)
    assert (cancelled.state, cancelled.counts) == ("cancelled", {"cancelled": 1})
    assert not store.has_free_job()


def test_a_running_job_is_told_and_ends_itself(store: Store) -> None:
    claim, job = claimed(store, a_file("a"), a_file("b"))
    store.end_document(claim, 0, DONE)
    assert not store.is_cancelling(claim)
    told = store.cancel_job(CALLER, job.id)
    assert (told.state, told.cancelling) == ("running", True)
    assert store.is_cancelling(claim)
    store.end_job(claim, "cancelled")
    assert store.job(CALLER, job.id).counts == {"created": 1, "cancelled": 1}


def test_a_dead_workers_job_is_cancelled_at_once_and_that_worker_is_fenced(store: Store) -> None:
    claim, job = claimed(store, a_file("a", b"1"), a_file("b", b"2"))
    store.end_document(claim, 0, DONE)
    kill(store, "w1")
    assert store.cancel_job(CALLER, job.id).state == "cancelled"
    with pytest.raises(ConflictError):
        store.end_document(claim, 1, DONE)
    assert rows(store, select(func.count()).select_from(contents)) == 1


def test_what_failed_or_was_cancelled_is_tried_again(store: Store) -> None:
    claim, job = claimed(store, a_file("a"), a_file("b"), a_file("c"))
    with pytest.raises(ConflictError):
        store.retry_job(CALLER, job.id)
    store.end_document(claim, 0, DONE)
    store.end_document(claim, 1, Outcome("failed", error=FAULT))
    store.cancel_job(CALLER, job.id)
    store.end_job(claim, "cancelled")
    again = store.retry_job(CALLER, job.id)
    assert (again.state, again.cancelling, again.ended_at) == ("queued", False, None)
    assert again.counts == {"created": 1, "waiting": 2}
    taken = store.claim_job("w1")
    assert taken is not None
    assert [(one.uri, one.tries, one.error) for one in store.due_documents(taken[0], 9)] == [
        ("b", 0, None),
        ("c", 0, None),
    ]
    with pytest.raises(ConflictError):
        store.retry_job(CALLER, job.id)


def test_old_jobs_are_forgotten_with_all_that_they_held(store: Store) -> None:
    claim, _ = claimed(store, a_file("a"))
    store.end_document(claim, 0, Outcome("failed", error=FAULT))
    going_on = store.create_job(CALLER, "docs", SOURCES)
    assert store.purge_jobs(datetime.now(UTC) + timedelta(days=1)) == 0
    store.end_job(claim, "done")
    assert store.purge_jobs(datetime.now(UTC) - timedelta(hours=1)) == 0
    assert store.purge_jobs(datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert [one.id for one in store.jobs(CALLER)] == [going_on.id]
    for table in (job_documents, contents):
        assert rows(store, select(func.count()).select_from(table)) == 0


def test_a_job_that_was_deleted_is_lost_to_its_worker(store: Store) -> None:
    claim, _ = claimed(store, a_file("a"))
    with store._writing() as connection:
        connection.execute(delete(jobs))
    assert store.is_cancelling(claim)
    with pytest.raises(ConflictError):
        store.end_document(claim, 0, DONE)


def test_a_moved_document_is_noted_though_no_source_lists_it(store: Store) -> None:
    claim, job = claimed(store)
    store.add_outcome(claim, "gone\x00", Outcome("removed", "known"))
    (noted,) = store.job_documents(CALLER, job.id, "removed")
    assert (noted.uri, noted.source, noted.document_id) == ("gone\ufffd", -1, "known")


def test_a_job_made_by_a_worker_is_its_own_as_long_as_it_lives(store: Store) -> None:
    for worker in ("w1", "w2"):
        store.seen_worker(worker)
    job = store.create_job(CALLER, "docs", SOURCES, worker="w1")
    assert not store.has_free_job()
    assert store.claim_job("w2", job.id) is None
    assert store.claim_job("w1") is None
    taken = store.claim_job("w1", job.id)
    assert taken is not None
    assert taken[0] == Claim(job.id, 1)
    kill(store, "w1")
    assert store.claim_job("w2") is not None
