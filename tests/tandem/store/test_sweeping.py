"""Who removes the chunks of a version, while others write the same document; on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tandem.errors import ConflictError
from tandem.store import Store
from tandem.store.job_schema import workers
from tandem.store.schema import versions
from tandem.vocabulary import Caller, Document

CALLER = Caller("acme")
DOCUMENT = Document("acme", "docs", "a", "A", "text/plain", "the text", "0" * 64)
KNOWN = DOCUMENT.id


@pytest.fixture
def two(store: Store) -> Store:
    """A store with two workers, in which v1 was replaced by v2, and v1 waits to be swept."""
    for worker in ("w1", "w2"):
        store.register_worker(worker)
    for version in ("v1", "v2"):
        store.begin_version(DOCUMENT, version, writer="w1")
        store.commit_version(KNOWN, version, 1)
    return store


def die(store: Store, worker: str) -> None:
    with store._writing() as connection:
        silent = datetime.now(UTC) - timedelta(seconds=31)
        connection.execute(update(workers).where(workers.c.id == worker).values(seen_at=silent))


def names(found: list) -> list[str]:
    return [one.version for one in found]


def test_a_leftover_is_claimed_by_one_worker_alone(two: Store) -> None:
    assert names(two.claim_leftovers(KNOWN, "w1")) == ["v1"]
    assert two.claim_leftovers(KNOWN, "w2") == two.leftovers(writer="w2") == []
    assert names(two.claim_leftovers(KNOWN, "w1")) == ["v1"]


def test_a_version_under_anothers_sweep_is_not_begun_until_that_has_ended(two: Store) -> None:
    two.claim_leftovers(KNOWN, "w1")
    with pytest.raises(ConflictError, match="just removing"):
        two.begin_version(DOCUMENT, "v1", writer="w2")
    assert two.current_versions("acme", [KNOWN]) == {KNOWN: "v2"}
    two.forget_version(KNOWN, "v1", writer="w1")
    two.begin_version(DOCUMENT, "v1", writer="w2")
    assert two.commit_version(KNOWN, "v1", 1) == "v2"


def test_the_claim_of_a_dead_worker_passes_to_the_next(two: Store) -> None:
    two.claim_leftovers(KNOWN, "w1")
    die(two, "w1")
    assert names(two.leftovers(writer="w2")) == ["v1"]
    assert names(two.claim_leftovers(KNOWN, "w2")) == ["v1"]
    # It was only thought to be dead, and comes back: the row is another's now.
    two.seen_worker("w1")
    two.forget_version(KNOWN, "v1", writer="w1")
    assert names(two.leftovers(writer="w2")) == ["v1"]


def test_a_version_that_a_dead_worker_was_removing_can_be_begun(two: Store) -> None:
    two.claim_leftovers(KNOWN, "w1")
    die(two, "w1")
    two.begin_version(DOCUMENT, "v1", writer="w2")
    two.seen_worker("w1")
    two.forget_version(KNOWN, "v1", writer="w1")
    assert two.commit_version(KNOWN, "v1", 1) == "v2"


def test_a_pending_version_that_was_claimed_for_removal_is_never_shown(two: Store) -> None:
    two.begin_version(DOCUMENT, "v3", writer="w1")
    die(two, "w1")
    assert names(two.claim_leftovers(KNOWN, "w2")) == ["v1", "v3"]
    two.seen_worker("w1")
    with pytest.raises(ConflictError):
        two.commit_version(KNOWN, "v3", 1)


def test_what_another_worker_still_writes_is_not_claimed(two: Store) -> None:
    two.begin_version(DOCUMENT, "v3", writer="w1")
    assert names(two.claim_leftovers(KNOWN, "w2")) == ["v1"]
    assert two.commit_version(KNOWN, "v3", 1) == "v2"


def test_a_condemned_version_is_a_leftover_without_its_text(two: Store) -> None:
    two.condemn_version(DOCUMENT, "v9", "w1")
    assert names(two.leftovers(writer="w2")) == ["v1"]
    assert names(two.claim_leftovers(KNOWN, "w1")) == ["v1", "v9"]
    with two._reading() as connection:
        kept = connection.execute(select(versions.c.text, versions.c.title).where(versions.c.version == "v9"))
        assert kept.one() == ("", "")


def test_condemning_a_version_that_is_known_changes_nothing(two: Store) -> None:
    two.condemn_version(DOCUMENT, "v2", "w1")
    assert two.current_versions("acme", [KNOWN]) == {KNOWN: "v2"}
    assert two.document(CALLER, "docs", KNOWN).text == "the text"
