"""Which collection answers, on both databases: the switch, and what it keeps out."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tandem.errors import ConflictError
from tandem.store import CollectionRecord, Store
from tandem.vocabulary import Caller, Document

OLD = CollectionRecord("old", {"model": "a"}, "f", 4, datetime.now(UTC))
NEW = replace(OLD, name="new", fingerprint="g")


def document(name: str) -> Document:
    return Document("t", "c", name, name, "text/plain", f"text of {name}", "0" * 64)


def put(store: Store, name: str, version: str = "v1", collection: str | None = "old") -> str:
    one = document(name)
    store.begin_version(one, version, collection=collection)
    store.commit_version(one.id, version, 1, collection)
    return one.id


def build(store: Store, worker: str, name: str = "new") -> str:
    """Note all that is missing, as a round does; gives the id of the re-embedding."""
    wish = store.request_reindexing({"model": "b"}, "tests")
    store.claim_reindexing(worker)
    store.add_collection(replace(NEW, name=name))
    for record in store.unindexed(name, "", 100):
        store.begin_indexing(name, [record])
        store.end_indexing(name, wish.id, worker, {(record.id, record.version): 3})
    return wish.id


@pytest.fixture
def two(store: Store) -> Store:
    """An old collection that answers, with two documents, and a worker."""
    assert store.found_collection(OLD).name == "old"
    assert store.found_collection(NEW).name == "old"
    store.register_worker("me")
    put(store, "a"), put(store, "b")
    return store


def active(store: Store) -> str | None:
    found = store.active_collection()
    return found and found.name


def test_the_switch_waits_until_both_hold_the_same(two: Store) -> None:
    reindexing = build(two, "me")
    late = put(two, "late")
    assert two.switch_collection("new", reindexing) is False
    assert (active(two), two.lacking("new")) == ("old", 1)
    (record,) = two.unindexed("new", "", 10)
    assert (record.id, record.text) == (late, "text of late")
    two.begin_indexing("new", [record])
    two.end_indexing("new", reindexing, "me", {(late, "v1"): 3})
    gone = document("a").id
    two.delete_document(Caller("t"), "c", gone)
    assert [one.document_id for one in two.unwanted("new")] == [gone]
    assert two.switch_collection("new", reindexing) is False
    two.forget_indexed("new", gone, "v1")
    two.set_expiry(late, "v1", datetime.now(UTC) + timedelta(days=1))
    assert two.switch_collection("new", reindexing) is False
    (moved,) = two.moved_expiries("new")
    two.set_indexed_expiry("new", moved)
    assert two.switch_collection("new", reindexing) is True
    ended = two.reindexing()
    assert ended is not None
    assert (active(two), ended.state, ended.unfinished, ended.documents) == ("new", "done", None, 3)
    assert [record.chunks for record in two.documents(Caller("t"), "c")] == [3, 3]


def test_what_was_written_to_the_collection_before_never_becomes_current(two: Store) -> None:
    slow = document("slow")
    two.begin_version(slow, "v1", collection="old")
    assert two.switch_collection("new", build(two, "me"))
    with pytest.raises(ConflictError):
        two.commit_version(slow.id, "v1", 1, "old")
    with pytest.raises(ConflictError):
        two.begin_version(document("later"), "v1", collection="old")
    # Its chunks are known to lie in the old collection; a sweep that has not followed forgets nothing.
    assert [one.document_id for one in two.unwanted("old")] == [slow.id]
    two.forget_version(slow.id, "v1", "old")
    assert [one.document_id for one in two.leftovers()] == [slow.id]
    two.forget_version(slow.id, "v1", "new")
    assert two.leftovers() == []


def test_going_back_needs_only_what_has_changed(two: Store) -> None:
    two.switch_collection("new", build(two, "me"))
    put(two, "a", "v2", "new"), put(two, "c", "v1", "new")
    assert [(one.document_id, one.version) for one in two.unwanted("old")] == [(document("a").id, "v1")]
    missing = {(record.uri, record.version) for record in two.unindexed("old", "", 10)}
    assert missing == {("a", "v2"), ("c", "v1")}
    assert two.unwanted("old", vanished=True) == []


def test_commits_and_switches_at_the_same_time_never_lose_a_version(two: Store) -> None:
    """Whoever is first, a version that is current has been in the set that was compared."""
    lost = []
    for n in range(12):
        before, after = ("old", "new") if active(two) == "old" else ("new", "old")
        wish_id = build(two, "me", after)
        one, start = document(f"racer {n}"), threading.Barrier(2)
        two.begin_version(one, "v1", collection=before)
        committed: list[bool] = []

        def commit(
            one: Document = one,
            before: str = before,
            start: threading.Barrier = start,
            said: list[bool] = committed,
        ) -> None:
            start.wait()
            try:
                two.commit_version(one.id, "v1", 1, before)
                said.append(True)
            except ConflictError:
                said.append(False)

        thread = threading.Thread(target=commit)
        thread.start()
        start.wait()
        switched = two.switch_collection(after, wish_id)
        thread.join()
        if committed == [True] and switched:
            lost.append(n)
        if not switched:
            two.fail_reindexing(wish_id, {"type": "x", "message": "lost the race"})
    assert lost == []


def test_one_re_embedding_at_a_time_and_an_interrupted_one_is_taken_up(two: Store) -> None:
    first = two.request_reindexing({"model": "b"}, "tests")
    assert two.request_reindexing({"model": "b"}, "tests").id == first.id
    with pytest.raises(ConflictError, match="interrupted"):
        two.request_reindexing({"model": "c"}, "tests")
    assert two.claim_reindexing("me") is not None
    assert two.claim_reindexing("other") is None
    with pytest.raises(ConflictError, match="runs already"):
        two.request_reindexing({"model": "b"}, "tests")
    two.leave_worker("me")
    assert two.has_reindexing()
    claimed = two.claim_reindexing("other")
    assert claimed is not None
    assert claimed.id == first.id
    with pytest.raises(ConflictError, match="taken over"):
        two.end_indexing("new", first.id, "me", {})
    two.give_up_reindexing()
    assert two.request_reindexing({"model": "c"}, "tests").id != first.id
