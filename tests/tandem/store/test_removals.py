"""What is removed for good, and the receipts of it, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tandem.errors import ConflictError, NotFoundError
from tandem.store import Hold, NewJobDocument, Outcome, Receipt, Store, Trace
from tandem.vocabulary import Caller, Document

CALLER, STRANGER = Caller("acme"), Caller("other")
A = Document("acme", "docs", "box.zip!/a", "A", "text/plain", "the text", "0" * 64)
B = replace(A, uri="b")
TRACE = Trace(
    id="t1",
    tenant="acme",
    recipe="rag@1",
    prompt_version="rag@1",
    question="Who?",
    corpora=[],
    answer="The text [1].",
    abstained=False,
    created_at=datetime.now(UTC),
    tokens_in=10,
    tokens_out=3,
    timings={},
    passages=["chunk"],
    citations=[{"n": 1, "quote": "the text"}],
    documents=(A.id,),
)


def put(store: Store, document: Document) -> None:
    store.begin_version(document, "v1", bands=["x"])
    store.commit_version(document.id, "v1", 1)


def job_with(store: Store, corpus: str = "docs", state: str = "failed", *uris: str) -> str:
    """An ended job that holds files, of which each ended in `state`."""
    files = [NewJobDocument(uri, uri, -1, content=uri.encode()) for uri in uris or ("box.zip", A.uri, "b")]
    job = store.create_job(CALLER, corpus, {}, files=files)
    store.seen_worker("w1")
    taken = store.claim_job("w1", job.id)
    assert taken is not None
    for place in range(len(files)):
        store.end_document(taken[0], place, Outcome(state))
    store.end_job(taken[0], "done")
    return job.id


def held(store: Store, job_id: str) -> dict[str, bool]:
    """The files of a job, and whether it still holds their content."""
    found = {}
    for one in store.job_documents(CALLER, job_id):
        try:
            store.content(job_id, one.content_hash or "")
            found[one.uri] = True
        except NotFoundError:
            found[one.uri] = False
    return found


def test_an_erased_document_is_gone_from_traces_and_jobs(store: Store) -> None:
    put(store, A)
    put(store, B)
    store.add_trace(TRACE)
    store.add_trace(replace(TRACE, id="t2", documents=(B.id,)))
    job, other = job_with(store), job_with(store, "more")
    removed = store.erase_document("acme", "docs", A.id, A.uri)
    assert removed == {
        **{"store.traces": 1, "store.feedback": 0, "store.contents": 2},
        **{"store.job_documents": 1, "caches.answers": 0},
    }
    trace = store.trace(CALLER, "t1")
    assert (trace.question, trace.answer, trace.passages, trace.citations) == ("Who?", "", [], [])
    assert store.trace(CALLER, "t2").answer == TRACE.answer
    # The archive in which it lay holds it, too.
    assert held(store, job) == {"box.zip": False, "b": True}
    assert held(store, other) == {"box.zip": True, A.uri: True, "b": True}


def test_what_still_waits_in_a_job_is_not_touched(store: Store) -> None:
    job = store.create_job(CALLER, "docs", {}, files=[NewJobDocument("b", "b", -1, content=b"new")])
    assert store.erase_document("acme", "docs", B.id, "b")["store.job_documents"] == 0
    assert held(store, job.id) == {"b": True}


def test_a_trace_of_a_document_that_is_gone_keeps_nothing_of_it(store: Store) -> None:
    store.add_trace(TRACE)
    trace = store.trace(CALLER, "t1")
    assert (trace.answer, trace.passages, trace.citations, trace.documents) == ("", [], [], ())


def test_a_corpus_goes_from_every_reader_and_its_jobs_end(store: Store) -> None:
    put(store, A)
    put(store, replace(A, corpus="more"))
    store.add_trace(TRACE)
    store.set_splitting("acme", "docs", {"tokens": 50})
    ended, other = job_with(store), job_with(store, "more")
    store.begin_version(B, "v1")
    removed, written = store.retire("acme", "docs")
    assert removed == {
        "store.traces": 1,
        "store.feedback": 0,
        "store.contents": 3,
        "store.job_documents": 3,
        "caches.answers": 0,
        "store.jobs": 1,
        "store.corpora": 1,
    }
    assert written == [B.id]
    assert [corpus.name for corpus in store.corpora(CALLER)] == ["more"]
    assert store.splitting_of("acme", "docs") == {}
    assert store.trace(CALLER, "t1").answer == ""
    assert [job.id for job in store.jobs(CALLER)] == [other]
    with pytest.raises(NotFoundError):
        store.job(CALLER, ended)
    with pytest.raises(ConflictError):
        store.commit_version(B.id, "v1")
    assert store.holds("acme", "docs")
    assert store.erase_versions("acme", "docs", [B.id]) == 1
    assert [one.document_id for one in store.leftovers()] == [B.id]
    store.forget_version(B.id, "v1")
    assert not store.holds("acme", "docs")
    assert store.holds("acme", "more")


def test_a_version_for_a_job_that_went_with_its_corpus_is_not_begun(store: Store) -> None:
    store.create_job(CALLER, "docs", {})
    store.seen_worker("w1")
    taken = store.claim_job("w1")
    assert taken is not None
    store.retire("acme", "docs")
    with pytest.raises(ConflictError):
        store.begin_version(A, "v1", claim=taken[0])
    assert store.leftovers() == []


def test_nothing_is_begun_in_a_corpus_until_its_removal_has_ended(store: Store) -> None:
    store.register_worker("w1")
    put(store, A)
    store.retire("acme", "docs", Hold("h1", "w1"))
    for writer in ("w1", "w2", None):
        with pytest.raises(ConflictError, match="just being removed"):
            store.begin_version(B, "v1", writer=writer)
    for elsewhere in (replace(B, corpus="more"), replace(B, tenant="other")):
        put(store, elsewhere)
    store.end_hold("h1")
    put(store, B)
    assert store.erase_versions("acme", "docs", []) == 1
    assert store.current_versions("acme", [A.id, B.id]) == {B.id: "v1"}


def test_two_removals_of_a_tenant_hold_its_corpora_until_both_have_ended(store: Store) -> None:
    store.register_worker("w1")
    store.retire("acme", None, Hold("h1", "w1"))
    store.retire("acme", "docs", Hold("h2", "w1"))
    store.end_hold("h2")
    with pytest.raises(ConflictError):
        put(store, A)
    store.end_hold("h1")
    put(store, A)


def test_the_removal_of_a_dead_worker_holds_nothing(store: Store) -> None:
    store.register_worker("w1")
    store.retire("acme", None, Hold("h1", "w1"))
    store.leave_worker("w1")
    put(store, A)


def test_what_another_worker_writes_or_sweeps_is_left_to_it_when_a_corpus_goes(store: Store) -> None:
    for worker in ("w1", "w2"):
        store.register_worker(worker)
    put(store, A)
    store.begin_version(A, "v2", writer="w2")
    store.begin_version(B, "v1", writer="w2")
    store.commit_version(B.id, "v1")
    store.delete_document(CALLER, "docs", B.id)
    store.claim_leftovers(B.id, "w2")
    _, written = store.retire("acme", "docs", Hold("h1", "w1"))
    assert written == [A.id]
    assert store.erase_versions("acme", "docs", [], worker="w1") == 1
    assert store.leftovers(writer="w1") == []
    assert sorted((one.document_id, one.version) for one in store.leftovers(writer="w2")) == sorted(
        [(A.id, "v2"), (B.id, "v1")]
    )


def test_a_corpus_of_failures_alone_is_there_to_be_removed(store: Store) -> None:
    job_with(store)
    assert store.corpora(CALLER) == []
    assert store.holds("acme", "docs")
    assert not store.holds("other", "docs")


def test_a_tenant_goes_with_its_traces_and_receipts_and_no_other(store: Store) -> None:
    for tenant in ("acme", "other"):
        put(store, replace(A, tenant=tenant))
        store.add_trace(replace(TRACE, id=f"t-{tenant}", tenant=tenant, documents=()))
        store.add_receipt(Receipt(f"r-{tenant}", tenant, None, None, datetime.now(UTC), {}), "tests")
    removed, _ = store.retire("acme")
    assert (removed["store.traces"], removed["store.receipts"]) == (1, 1)
    assert store.erase_versions("acme", None, []) == 1
    for gone in (lambda: store.trace(CALLER, "t-acme"), lambda: store.receipt(CALLER, "r-acme")):
        with pytest.raises(NotFoundError):
            gone()
    assert store.trace(STRANGER, "t-other").answer == TRACE.answer
    assert store.receipts(STRANGER) == [store.receipt(STRANGER, "r-other")]
    assert [corpus.documents for corpus in store.corpora(STRANGER)] == [1]


@pytest.mark.parametrize("name", ["\x00", "a\ud800", "x" * 500])
def test_a_receipt_that_cannot_be_is_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFoundError):
        store.receipt(CALLER, name)


def test_receipts_are_of_their_tenant_and_newest_first(store: Store) -> None:
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 3, 2)]
    for day, moment in enumerate(moments):
        store.add_receipt(Receipt(str(day), "acme", "docs", A.id, moment, {"index.chunks": day}), "tests")
    assert [one.id for one in store.receipts(CALLER)] == ["1", "2", "0"]
    assert store.receipt(CALLER, "2").removed == {"index.chunks": 2}
    assert store.receipts(STRANGER) == []
