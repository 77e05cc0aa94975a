"""The life of a version, on both databases."""

from dataclasses import replace

import pytest

from tandem.errors import ConflictError, NotFoundError
from tandem.store import PendingVersion, Store
from tandem.vocabulary import Caller, Document, Heading, Page

CALLER, STRANGER = Caller("acme"), Caller("other")
DOCUMENT = Document(
    tenant="acme",
    corpus="docs",
    uri="file:///a.md",
    title="A",
    media_type="text/markdown",
    text="# A\n\nÄ \U0001f600 text",
    content_hash="0" * 64,
    pages=(Page(1, 0, 12),),
    headings=(Heading(1, "A", 0),),
)
KNOWN = DOCUMENT.id


def put(store: Store, version: str, document: Document = DOCUMENT, chunks: int = 3) -> str | None:
    store.begin_version(document, version)
    return store.commit_version(document.id, version, chunks)


def test_a_pending_version_is_seen_by_nobody(store: Store) -> None:
    store.begin_version(DOCUMENT, "v1")
    assert store.corpora(CALLER) == []
    assert store.current_versions("acme", [KNOWN]) == {}
    with pytest.raises(NotFoundError):
        store.document(CALLER, "docs", KNOWN)
    assert store.leftovers() == [PendingVersion("acme", "docs", KNOWN, "v1", DOCUMENT.uri)]


def test_a_committed_version_comes_back_as_it_was(store: Store) -> None:
    assert put(store, "v1") is None
    record = store.document(CALLER, "docs", KNOWN)
    assert (record.text, record.pages, record.headings) == (DOCUMENT.text, DOCUMENT.pages, DOCUMENT.headings)
    assert (record.version, record.chunks, record.size_chars) == ("v1", 3, len(DOCUMENT.text))
    assert record.created_at.utcoffset() is not None
    assert store.leftovers() == []


def test_the_switch_names_the_version_that_it_superseded(store: Store) -> None:
    put(store, "v1")
    assert put(store, "v2") == "v1"
    assert store.current_versions("acme", [KNOWN]) == {KNOWN: "v2"}
    assert [left.version for left in store.leftovers()] == ["v1"]
    store.forget_version(KNOWN, "v1")
    assert store.leftovers() == []


def test_beginning_twice_is_harmless_and_takes_the_later_text(store: Store) -> None:
    store.begin_version(DOCUMENT, "v1")
    put(store, "v1", replace(DOCUMENT, text="later"), 4)
    record = store.document(CALLER, "docs", KNOWN)
    assert (record.text, record.chunks) == ("later", 4)


def test_a_superseded_version_can_come_back_before_it_was_swept(store: Store) -> None:
    put(store, "v1")
    put(store, "v2")
    assert put(store, "v1") == "v2"
    assert store.current_versions("acme", [KNOWN]) == {KNOWN: "v1"}
    assert [left.version for left in store.leftovers()] == ["v2"]


def test_beginning_or_committing_the_current_version_changes_nothing(store: Store) -> None:
    put(store, "v1")
    assert put(store, "v1") is None
    assert store.current_versions("acme", [KNOWN]) == {KNOWN: "v1"}


@pytest.mark.parametrize("swept", ["never begun", "forgotten", "superseded"])
def test_a_version_that_is_not_pending_cannot_be_committed(store: Store, swept: str) -> None:
    if swept != "never begun":
        store.begin_version(DOCUMENT, "v1")
    if swept == "forgotten":
        store.forget_version(KNOWN, "v1")
    if swept == "superseded":
        store.commit_version(KNOWN, "v1")
        put(store, "v2")
    with pytest.raises(ConflictError):
        store.commit_version(KNOWN, "v1")


def test_the_current_version_is_never_forgotten(store: Store) -> None:
    put(store, "v1")
    store.forget_version(KNOWN, "v1")
    assert store.current_versions("acme", [KNOWN]) == {KNOWN: "v1"}


def test_a_deleted_document_is_gone_at_once_and_left_for_the_sweep(store: Store) -> None:
    put(store, "v1")
    assert store.delete_document(CALLER, "docs", KNOWN).uri == DOCUMENT.uri
    assert store.current_versions("acme", [KNOWN]) == {}
    assert [left.version for left in store.leftovers(KNOWN)] == ["v1"]
    with pytest.raises(NotFoundError):
        store.delete_document(CALLER, "docs", KNOWN)


def test_another_tenant_or_corpus_sees_and_deletes_nothing(store: Store) -> None:
    put(store, "v1")
    for caller, corpus in ((STRANGER, "docs"), (CALLER, "elsewhere")):
        with pytest.raises(NotFoundError):
            store.document(caller, corpus, KNOWN)
        with pytest.raises(NotFoundError):
            store.documents(caller, corpus)
        with pytest.raises(NotFoundError):
            store.delete_document(caller, corpus, KNOWN)
    assert store.corpora(STRANGER) == []
    assert store.current_versions("other", [KNOWN]) == {}
    assert store.current_versions("acme", [KNOWN]) == {KNOWN: "v1"}


def test_a_list_is_paged_by_uri_and_carries_no_text(store: Store) -> None:
    for name in "cab":
        put(store, "v1", replace(DOCUMENT, uri=f"file:///{name}"))
    listed = store.documents(CALLER, "docs", limit=2) + store.documents(CALLER, "docs", limit=2, offset=2)
    assert [record.uri for record in listed] == ["file:///a", "file:///b", "file:///c"]
    assert {record.text for record in listed} == {None}
    assert store.documents(CALLER, "docs", offset=3) == []
    assert [(c.name, c.documents, c.chunks) for c in store.corpora(CALLER)] == [("docs", 3, 9)]


def test_an_unknown_corpus_is_answered_with_the_known_ones(store: Store) -> None:
    put(store, "v1")
    with pytest.raises(NotFoundError) as caught:
        store.documents(CALLER, "dosc")
    assert caught.value.hint == "Known: docs."


def test_a_title_that_no_database_takes_is_kept_readable(store: Store) -> None:
    put(store, "v1", replace(DOCUMENT, title="a\x00b\udcffc"))
    assert store.document(CALLER, "docs", KNOWN).title == "a\ufffdb\ufffdc"


def test_a_text_that_no_database_takes_keeps_its_places(store: Store) -> None:
    text = "NUL \x00, half a pair \ud83d, a whole one \U0001f600, the end"
    put(store, "v1", replace(DOCUMENT, text=text))
    kept = store.document(CALLER, "docs", KNOWN).text
    assert kept == "NUL \ufffd, half a pair \ufffd, a whole one \U0001f600, the end"


@pytest.mark.parametrize("name", ["\x00", "a\ud800", "x" * 1000])
def test_a_name_that_no_database_takes_is_just_not_found(store: Store, name: str) -> None:
    put(store, "v1")
    assert store.current_versions("acme", [name, KNOWN]) == {KNOWN: "v1"}
    assert store.leftovers(name) == []
    for corpus, document_id in ((name, KNOWN), ("docs", name)):
        with pytest.raises(NotFoundError):
            store.document(CALLER, corpus, document_id)
        with pytest.raises(NotFoundError):
            store.delete_document(CALLER, corpus, document_id)
    with pytest.raises(ConflictError):
        store.commit_version(name, "v1")
    assert store.corpora(Caller(name)) == []


def test_a_large_document_comes_back_whole(store: Store) -> None:
    text = "\u00e4 line of a long document\n" * 200_000
    put(store, "v1", replace(DOCUMENT, text=text))
    assert store.document(CALLER, "docs", KNOWN).text == text
