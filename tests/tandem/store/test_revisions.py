"""By what a source is asked whether a document has changed, on both databases."""

from tandem.store import Revision, Store
from tandem.vocabulary import Caller, Document

DOCUMENT = Document("acme", "docs", "https://example.org/", "A", "text/html", "the text", "0" * 64)
KNOWN = DOCUMENT.id
ONE, TWO = Revision("v1", 'etag:"1"'), Revision("v1", 'etag:"2"')


def put(store: Store, version: str) -> None:
    store.begin_version(DOCUMENT, version)
    store.commit_version(KNOWN, version, 1)


def test_a_revision_is_that_of_the_current_version_and_of_its_settings(store: Store) -> None:
    put(store, "v1")
    assert store.revision_of(KNOWN, "s1") is None
    store.set_revision(KNOWN, ONE, "s1")
    assert store.revision_of(KNOWN, "s1") == ONE
    assert store.revision_of(KNOWN, "s2") is None
    put(store, "v2")
    assert store.revision_of(KNOWN, "s1") is None


def test_a_later_revision_takes_the_place_of_the_earlier(store: Store) -> None:
    put(store, "v1")
    store.set_revision(KNOWN, ONE, "s1")
    store.set_revision(KNOWN, TWO, "s2")
    assert (store.revision_of(KNOWN, "s1"), store.revision_of(KNOWN, "s2")) == (None, TWO)


def test_a_version_that_is_not_current_gets_none(store: Store) -> None:
    store.set_revision(KNOWN, ONE, "s1")
    put(store, "v1")
    put(store, "v2")
    store.set_revision(KNOWN, ONE, "s1")
    put(store, "v1")
    assert store.revision_of(KNOWN, "s1") is None


def test_it_goes_with_its_version(store: Store) -> None:
    put(store, "v1")
    store.set_revision(KNOWN, ONE, "s1")
    store.delete_document(Caller("acme"), "docs", KNOWN)
    store.forget_version(KNOWN, "v1")
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM revisions").scalar_one() == 0


def test_a_sign_of_any_letters_is_kept(store: Store) -> None:
    put(store, "v1")
    strange = Revision("v1", 'etag:W/"caf\xe9 \x00"\nhttps://example.org/other')
    store.set_revision(KNOWN, strange, "s1")
    kept = store.revision_of(KNOWN, "s1")
    assert kept is not None
    assert kept.revision == strange.revision.replace("\x00", "\ufffd")
