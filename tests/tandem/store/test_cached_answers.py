"""Kept answers, and the marks by which they are known to be out of date, on both databases."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tandem.store import CachedAnswer, Original, Store
from tandem.vocabulary import Caller, Document, Marks

CALLER = Caller("acme")
A = Document("acme", "docs", "a", "A", "text/plain", "the text", "0" * 64)
SOON, LATER = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 2))


def put(store: Store, document: Document, version: str = "v1") -> None:
    store.begin_version(document, version)
    store.commit_version(document.id, version, 1)


def keep(
    store: Store,
    key: str = "key",
    *,
    corpora: tuple[str, ...] | None = ("docs",),
    visible: str | None = None,
    documents: tuple[str, ...] = (),
    tenant: str = "acme",
    answer: str = "the answer",
    ends_at: datetime = LATER,
    entries: int = 10,
    max_bytes: int = 10_000,
) -> bool:
    visible = visible or store.visible(tenant, corpora).digest
    kept = CachedAnswer(tenant, key, "family", visible, corpora, ends_at, None, answer)
    return store.keep_answer(kept, documents, entries=entries, max_bytes=max_bytes)


def found(store: Store, key: str = "key", *, corpora: tuple[str, ...] | None = ("docs",)) -> str | None:
    return store.cached_answer("acme", key, store.visible("acme", corpora).digest)


def test_an_answer_is_found_again_by_its_tenant_and_key_alone(store: Store) -> None:
    put(store, A)
    assert keep(store, documents=(A.id,))
    assert found(store) == "the answer"
    assert found(store, "another") is None
    assert store.cached_answer("other", "key", store.visible("acme", ("docs",)).digest) is None


CHANGES: dict[str, Callable[[Store], object]] = {
    "a new document": lambda store: put(store, replace(A, uri="b")),
    "a new version": lambda store: put(store, A, "v2"),
    "a document as a link to one that says the same": lambda store: (
        store.begin_version(replace(A, uri="b"), "v1", original=Original(A.id, "v1")),
        store.commit_version(replace(A, uri="b").id, "v1"),
    ),
    "an earlier end": lambda store: store.set_expiry(A.id, "v1", SOON),
    "no end any more": lambda store: store.set_expiry(A.id, "v1", None),
    "a deletion": lambda store: store.delete_document(CALLER, "docs", A.id),
    "the corpus gone": lambda store: store.retire("acme", "docs"),
    "the tenant gone": lambda store: store.retire("acme"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("corpora", [("docs",), None, ("docs", "more")], ids=str)
def test_every_visible_change_puts_an_answer_out_of_date(
    store: Store, change: str, corpora: tuple[str, ...] | None
) -> None:
    put(store, A)
    put(store, replace(A, corpus="more"))
    before = store.visible("acme", corpora)
    assert keep(store, corpora=corpora)
    CHANGES[change](store)
    assert store.visible("acme", corpora).digest != before.digest
    assert found(store, corpora=corpora) is None
    # One that was being made while it changed is not kept either.
    assert not keep(store, "late", corpora=corpora, visible=before.digest)


def test_what_cannot_be_seen_and_what_is_elsewhere_changes_nothing(store: Store) -> None:
    put(store, A)
    put(store, replace(A, corpus="more"))
    assert keep(store)
    put(store, replace(A, corpus="more"), "v2")
    put(store, replace(A, tenant="other"))
    store.begin_version(replace(A, uri="b"), "v1")
    store.retire("other")
    assert found(store) == "the answer"


def test_a_corpus_that_comes_again_is_not_the_one_it_was(store: Store) -> None:
    put(store, A)
    first = store.visible("acme", ("docs",)).digest
    store.retire("acme", "docs")
    store.erase_versions("acme", "docs", [])
    put(store, A)
    assert store.visible("acme", ("docs",)).digest != first


def test_the_next_end_of_a_document_of_the_scope_is_told(store: Store) -> None:
    put(store, A)
    assert store.visible("acme", None).until is None
    put(store, replace(A, uri="b", marks=Marks(expires_at=LATER)))
    put(store, replace(A, uri="c", corpus="more", marks=Marks(expires_at=SOON)))
    put(store, replace(A, uri="d", marks=Marks(expires_at=datetime.now(UTC) - timedelta(hours=1))))
    assert store.visible("acme", None).until == SOON
    assert store.visible("acme", ("docs",)).until == LATER


def test_an_answer_whose_time_is_over_is_not_found_and_goes(store: Store) -> None:
    put(store, A)
    assert keep(store, "old", ends_at=datetime.now(UTC) - timedelta(seconds=1))
    assert found(store, "old") is None
    assert keep(store, "new")
    assert _removed(store) == 1


def test_of_a_document_that_is_gone_no_answer_is_kept(store: Store) -> None:
    put(store, A)
    store.delete_document(CALLER, "docs", A.id)
    assert not keep(store, documents=(A.id,))


def test_the_oldest_go_when_there_are_too_many_or_too_much(store: Store) -> None:
    put(store, A)
    for number in range(5):
        assert keep(store, str(number), entries=3)
    assert [found(store, str(number)) is not None for number in range(5)] == [False, False, True, True, True]
    assert keep(store, "big", answer="x" * 60, max_bytes=75)
    assert [found(store, key) is not None for key in ("3", "4", "big")] == [False, True, True]
    assert not keep(store, "too big", answer="x" * 80, max_bytes=75)
    assert found(store, "big") is not None


def test_a_tenants_answers_make_no_room_for_anothers(store: Store) -> None:
    put(store, A)
    assert keep(store)
    for number in range(3):
        assert keep(store, str(number), tenant="other", corpora=None, entries=1)
    assert found(store) == "the answer"


def test_a_deletion_removes_what_may_hold_its_words_and_says_how_many(store: Store) -> None:
    for corpus in ("docs", "more"):
        put(store, replace(A, corpus=corpus))
    for key, corpora in (("all", None), ("docs", ("docs",)), ("both", ("docs", "more")), ("more", ("more",))):
        assert keep(store, key, corpora=corpora)
    store.delete_document(CALLER, "docs", A.id)
    assert store.erase_document("acme", "docs", A.id, A.uri)["caches.answers"] == 3
    assert found(store, "more", corpora=("more",)) == "the answer"
    assert store.retire("acme", "more")[0]["caches.answers"] == 1


def test_vectors_of_a_family_are_found(store: Store) -> None:
    put(store, A)
    visible = store.visible("acme", None).digest
    for key, family, vector in (("1", "f", b"1234"), ("2", "f", None), ("3", "g", b"5678")):
        kept = CachedAnswer("acme", key, family, visible, None, LATER, vector, "x")
        assert store.keep_answer(kept, (), entries=9, max_bytes=999)
    assert store.cached_questions("acme", "f", visible) == [("1", b"1234")]
    assert store.cached_questions("other", "f", visible) == []
    put(store, A, "v2")
    assert store.cached_questions("acme", "f", store.visible("acme", None).digest) == []


def _removed(store: Store) -> int:
    return store.retire("acme")[0]["caches.answers"]
