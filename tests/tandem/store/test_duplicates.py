"""Links between documents that say the same, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tandem.errors import ConflictError
from tandem.store import Original, Store
from tandem.vocabulary import Caller, Document, Marks

A = Document("acme", "docs", "a", "A", "text/plain", "the text", "0" * 64)
B, C = replace(A, uri="b"), replace(A, uri="c")
SOON = datetime.now(UTC) + timedelta(days=1)


def put(store: Store, document: Document, version: str = "v1", **link: object) -> None:
    store.begin_version(document, version, text_hash="h", **link)  # type: ignore[arg-type]
    store.commit_version(document.id, version, 1)


def expiring(document: Document, moment: datetime | None) -> Document:
    return replace(document, marks=Marks(expires_at=moment))


def test_the_same_text_is_found_in_its_corpus_alone(store: Store) -> None:
    put(store, A)
    assert store.same_text(B, "h") == Original(A.id, "v1")
    assert store.same_text(B, "other") is None
    assert store.same_text(A, "h") is None
    assert store.same_text(B, "h", besides=A.id) is None
    for stranger in (replace(B, tenant="other"), replace(B, corpus="more")):
        assert store.same_text(stranger, "h") is None


def test_a_document_that_is_being_written_is_found_and_a_removed_one_is_not(store: Store) -> None:
    store.begin_version(A, "v1", text_hash="h")
    assert store.same_text(B, "h") == Original(A.id, "v1")
    store.commit_version(A.id, "v1")
    store.retire("acme")
    assert store.same_text(B, "h") is None


def test_a_copy_is_no_original(store: Store) -> None:
    put(store, A)
    put(store, B, original=Original(A.id, "v1"))
    assert store.same_text(C, "h", besides=A.id) is None
    assert [one.id for one in store.duplicates_of(A.id)] == [B.id]
    assert store.duplicates_of(B.id) == store.orphaned_duplicates() == []


def test_what_shares_the_most_bands_comes_first(store: Store) -> None:
    put(store, A, bands=["1", "2", "x"])
    put(store, B, bands=["1", "2", "3"])
    near = store.near_texts(C, ["1", "2", "3"])
    assert [(original.document_id, text) for original, text in near] == [
        (B.id, "the text"),
        (A.id, "the text"),
    ]
    assert store.near_texts(C, ["2", "1"]) == []


def test_an_original_that_goes_before_its_copy_is_none(store: Store) -> None:
    put(store, expiring(A, SOON))
    assert store.same_text(B, "h") is None
    assert store.same_text(expiring(B, SOON + timedelta(hours=1)), "h") is None
    assert store.same_text(expiring(B, SOON - timedelta(hours=1)), "h") == Original(A.id, "v1")
    assert store.same_text(expiring(B, SOON), "h") == Original(A.id, "v1")


def test_a_link_to_what_was_removed_meanwhile_is_not_committed(store: Store) -> None:
    put(store, A)
    store.begin_version(B, "v1", original=Original(A.id, "v1"))
    store.retire("acme")
    store.begin_version(B, "v1", original=Original(A.id, "v1"))
    with pytest.raises(ConflictError):
        store.commit_version(B.id, "v1")


@pytest.mark.parametrize("change", ["removed", "replaced", "linked itself", "expires sooner"])
def test_a_copy_is_an_orphan_when_its_original_no_longer_stands_for_it(store: Store, change: str) -> None:
    put(store, A)
    put(store, C)
    put(store, B, original=Original(A.id, "v1"))
    match change:
        case "removed":
            store.delete_document(Caller("acme"), "docs", A.id)
        case "replaced":
            put(store, A, "v2")
        case "linked itself":
            put(store, A, "v2", original=Original(C.id, "v1"))
        case "expires sooner":
            store.set_expiry(A.id, "v1", SOON)
    assert [one.id for one in store.orphaned_duplicates()] == [B.id]
    assert [one.id for one in store.orphaned_duplicates(B.id)] == [B.id]
    assert store.orphaned_duplicates(C.id) == []


def test_a_copy_that_says_what_the_new_version_says_is_linked_to_it(store: Store) -> None:
    put(store, A)
    put(store, B, original=Original(A.id, "v1"))
    put(store, A, "v2")
    store.relink_duplicate(B.id, Original(A.id, "v2"))
    assert store.orphaned_duplicates() == []
