"""The store by itself: each of its methods that serves a request sees nothing of another tenant or group."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tandem.errors import ForbiddenError, NotFoundError
from tandem.store import CachedAnswer, NewJobDocument, Receipt, Store, Trace
from tandem.vocabulary import Caller, Document, Scope

MINE = Caller("acme")
OTHER = Caller("other")
NOBODY, LEGAL = replace(MINE, groups=()), replace(MINE, groups=("legal",))
OPEN = Document("acme", "docs", "open", "Open", "text/plain", "the open text", "0" * 64)
SECRET = Document(
    "acme", "docs", "secret", "Secret", "text/plain", "the secret text", "1" * 64, groups=("legal",)
)
ALONE = Document("acme", "vault", "alone", "Alone", "text/plain", "in a vault", "2" * 64, groups=("legal",))
DOCUMENTS = (OPEN, SECRET, ALONE)
IDS = [one.id for one in DOCUMENTS]


@pytest.fixture
def filled(store: Store) -> Store:
    for one in DOCUMENTS:
        store.begin_version(one, "v1", text_hash="h")
        store.commit_version(one.id, "v1", 1)
    return store


def trace(*documents: Document) -> Trace:
    return Trace(
        id=uuid4().hex,
        tenant="acme",
        recipe="rag@1",
        prompt_version="rag@1",
        question="What?",
        corpora=[],
        answer="That.",
        abstained=False,
        created_at=datetime.now(UTC),
        tokens_in=1,
        tokens_out=1,
        timings={},
        passages=["chunk"],
        citations=[],
        documents=tuple(sorted(one.id for one in documents)),
    )


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(NotFoundError):
        call()


def test_a_document_of_another_tenant_or_group_cannot_be_read(filled: Store) -> None:
    for caller, one in ((OTHER, OPEN), (NOBODY, SECRET), (replace(MINE, groups=("hr",)), SECRET)):
        refused(lambda caller=caller, one=one: filled.document(caller, "docs", one.id))
        assert filled.document_or_none(caller, "docs", one.id) is None
    refused(lambda: filled.document(MINE, "vault", OPEN.id))
    assert filled.document(NOBODY, "docs", OPEN.id).text == OPEN.text
    assert filled.document(LEGAL, "docs", SECRET.id).groups == ("legal",)


def test_lists_and_corpora_hold_only_what_may_be_seen(filled: Store) -> None:
    refused(lambda: filled.documents(OTHER, "docs"))
    refused(lambda: filled.documents(NOBODY, "vault"))
    assert [one.uri for one in filled.documents(NOBODY, "docs")] == ["open"]
    assert [one.uri for one in filled.documents(LEGAL, "docs")] == ["open", "secret"]
    assert filled.corpora(OTHER) == []
    assert [(one.name, one.documents) for one in filled.corpora(NOBODY)] == [("docs", 1)]
    assert [(one.name, one.documents) for one in filled.corpora(LEGAL)] == [("docs", 2), ("vault", 1)]


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        (Scope("acme"), {OPEN.id, SECRET.id, ALONE.id}),
        (Scope("other"), set()),
        (Scope("acme", ("docs",)), {OPEN.id, SECRET.id}),
        (Scope("acme", ()), set()),
        (Scope("acme", groups=()), {OPEN.id}),
        (Scope("acme", groups=("hr",)), {OPEN.id}),
        (Scope("acme", groups=("hr", "legal")), {OPEN.id, SECRET.id, ALONE.id}),
        (Scope("acme", ("vault",), groups=("legal",)), {ALONE.id}),
        (Scope("other", ("vault",), groups=("legal",)), set()),
    ],
)
def test_of_what_an_index_found_the_store_lets_through_what_the_scope_may_see(
    filled: Store, scope: Scope, wanted: set[str]
) -> None:
    assert set(filled.visible_versions(scope, IDS)) == wanted


def test_groups_outlive_versions_and_change_in_one_step(filled: Store) -> None:
    filled.begin_version(replace(SECRET, text="other words", groups=None), "v2")
    filled.commit_version(SECRET.id, "v2", 1)
    assert filled.groups_of(SECRET.id) == ("legal",)
    filled.begin_version(replace(SECRET, text="more words", groups=()), "v3")
    assert filled.groups_of(SECRET.id) == ("legal",)
    filled.commit_version(SECRET.id, "v3", 1)
    assert filled.groups_of(SECRET.id) == ()
    assert filled.audit_entries("acme")[0].details["before"] == ["legal"]


def test_nobody_shares_removes_or_overwrites_what_he_cannot_see(filled: Store) -> None:
    for caller in (OTHER, NOBODY):
        refused(lambda caller=caller: filled.set_groups(caller, "docs", SECRET.id, []))
        refused(lambda caller=caller: filled.delete_document(caller, "docs", SECRET.id))
    with pytest.raises(ForbiddenError):
        filled.require_writable(NOBODY, SECRET.id)
    with pytest.raises(ForbiddenError):
        filled.require_all_seen(NOBODY, "docs")
    filled.require_writable(NOBODY, OPEN.id)
    filled.require_all_seen(LEGAL, None)
    assert filled.groups_of(SECRET.id) == ("legal",)
    assert filled.delete_document(LEGAL, "docs", SECRET.id).groups == ("legal",)


def test_a_job_is_its_tenants(filled: Store) -> None:
    job = filled.create_job(MINE, "docs", {"sources": []}, files=[NewJobDocument("a", "a", -1, content=b"a")])
    for call in (filled.job, filled.cancel_job, filled.retry_job, filled.job_documents):
        refused(lambda call=call: call(OTHER, job.id))
    refused(lambda: filled.ended_documents(OTHER, job.id, datetime.fromtimestamp(0, UTC)))
    assert filled.jobs(OTHER) == []
    assert filled.job(MINE, job.id).state == "queued"


def test_a_jobs_list_leaves_out_documents_of_other_groups(filled: Store) -> None:
    files = [NewJobDocument(one.uri, one.uri, -1) for one in (OPEN, SECRET)]
    files.append(NewJobDocument("new", "new", -1, {"groups": ["hr"]}))
    job = filled.create_job(MINE, "docs", {"sources": []}, files=files)
    assert [one.uri for one in filled.job_documents(NOBODY, job.id)] == ["open"]
    assert [one.uri for one in filled.job_documents(LEGAL, job.id)] == ["open", "secret"]
    assert [one.uri for one in filled.job_documents(LEGAL, job.id, limit=1)] == ["open"]
    assert [one.uri for one in filled.job_documents(LEGAL, job.id, after=0)] == ["secret"]
    assert len(filled.job_documents(MINE, job.id)) == 3


def test_a_trace_is_its_tenants_and_of_documents_that_may_be_seen_now(filled: Store) -> None:
    plain, drawn = trace(OPEN), trace(OPEN, SECRET)
    for one in (plain, drawn):
        filled.add_trace(one)
    refused(lambda: filled.trace(OTHER, plain.id))
    refused(lambda: filled.trace(NOBODY, drawn.id))
    assert filled.traces(OTHER) == []
    assert [one.id for one in filled.traces(NOBODY)] == [plain.id]
    assert {one.id for one in filled.traces(LEGAL)} == {plain.id, drawn.id}
    filled.set_groups(MINE, "docs", OPEN.id, ["board"])
    assert filled.traces(LEGAL) == []
    assert filled.trace(MINE, drawn.id) == drawn


def test_a_kept_answer_is_its_tenants_and_ends_with_a_change_of_groups(filled: Store) -> None:
    visible = filled.visible("acme", None).digest
    later = datetime.now(UTC) + timedelta(hours=1)
    kept = CachedAnswer("acme", "key", "family", visible, None, later, b"1234", "the answer")
    assert filled.keep_answer(kept, [OPEN.id], entries=9, max_bytes=999)
    assert filled.cached_answer("other", "key", visible) is None
    assert filled.cached_questions("other", "family", visible) == []
    assert filled.cached_answer("acme", "key", visible) == "the answer"
    filled.set_groups(MINE, "docs", OPEN.id, ["legal"])
    assert filled.visible("acme", None).digest != visible


def test_a_receipt_is_its_tenants(filled: Store) -> None:
    filled.add_receipt(Receipt("r", "acme", "docs", None, datetime.now(UTC), {}), "tests")
    refused(lambda: filled.receipt(OTHER, "r"))
    assert filled.receipts(OTHER) == []
    assert filled.receipt(MINE, "r").corpus == "docs"


def test_a_copy_for_other_callers_is_no_copy(filled: Store) -> None:
    copy = replace(OPEN, uri="copy")
    assert filled.same_text(copy, "h").document_id == OPEN.id
    assert filled.same_text(copy, "h", groups=("legal",)).document_id == SECRET.id
    assert filled.same_text(copy, "h", groups=("hr", "legal")) is None


def test_another_collection_lacks_a_document_whose_groups_have_changed(filled: Store) -> None:
    """Or it would begin to answer with the groups of before."""
    from tandem.store import CollectionRecord

    filled.add_collection(CollectionRecord("next", {"model": "m"}, "f", 4, datetime.now(UTC)))
    filled.request_reindexing({"model": "m"}, "tests")
    filled.seen_worker("w")
    wish = filled.claim_reindexing("w")
    records = filled.unindexed("next", "", 10)
    groups = {one.id: one.groups for one in records}
    counts = {(one.id, one.version): 1 for one in records}
    filled.begin_indexing("next", records)
    filled.set_groups(MINE, "docs", OPEN.id, ["hr"])
    filled.end_indexing("next", wish.id, "w", counts, groups)
    assert [one.id for one in filled.unindexed("next", "", 10)] == [OPEN.id]
    filled.set_groups(MINE, "docs", SECRET.id, [])
    assert filled.lacking("next") == 2
