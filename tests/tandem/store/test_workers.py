"""Who lives and who is dead, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tandem.errors import ConflictError
from tandem.store import Store
from tandem.store.job_schema import workers
from tandem.vocabulary import Document

DOCUMENT = Document("acme", "docs", "a", "A", "text/plain", "text", "0" * 64)


def names(store: Store) -> set[str]:
    with store._engine.connect() as connection:
        return set(connection.execute(select(workers.c.id)).scalars())


def change(store: Store, worker: str, **values: object) -> None:
    with store._writing() as connection:
        connection.execute(update(workers).where(workers.c.id == worker).values(**values))


def test_a_second_worker_of_this_process_leaves_the_first(store: Store) -> None:
    store.register_worker("w1")
    store.register_worker("w2")
    assert names(store) == {"w1", "w2"}
    store.leave_worker("w1")
    assert names(store) == {"w2"}


def test_a_process_that_has_ended_is_struck_out_at_once(store: Store) -> None:
    store.register_worker("w1")
    change(store, "w1", pid=2**22 + 1)  # above the highest that Linux gives
    store.register_worker("w2")
    assert names(store) == {"w2"}


def test_a_new_process_with_the_same_number_is_not_the_old_one(store: Store) -> None:
    store.register_worker("w1")
    change(store, "w1", born_at=datetime.now(UTC) - timedelta(days=1))
    store.register_worker("w2")
    assert names(store) == {"w2"}


def test_a_worker_of_another_host_is_left_to_its_lease(store: Store) -> None:
    store.register_worker("w1")
    change(store, "w1", pid=2**22 + 1, host="elsewhere")
    store.register_worker("w2")
    assert names(store) == {"w1", "w2"}


def test_a_worker_that_was_struck_out_by_mistake_comes_back(store: Store) -> None:
    store.register_worker("w1")
    store.leave_worker("w1")
    store.seen_worker("w1")
    assert names(store) == {"w1"}


@pytest.mark.parametrize("age", [0, 31])
def test_what_another_worker_writes_is_left_alone_while_it_lives(store: Store, age: int) -> None:
    for worker in ("w1", "w2"):
        store.register_worker(worker)
    store.begin_version(DOCUMENT, "v1", writer="w1")
    change(store, "w1", seen_at=datetime.now(UTC) - timedelta(seconds=age))
    assert [one.version for one in store.leftovers(writer="w2")] == (["v1"] if age else [])
    assert [one.version for one in store.leftovers(writer="w1")] == ["v1"]


def test_a_version_that_was_swept_is_never_shown(store: Store) -> None:
    store.begin_version(DOCUMENT, "v1", writer="w1")
    store.forget_version(DOCUMENT.id, "v1")
    assert store.leftovers() == []
    with pytest.raises(ConflictError):
        store.commit_version(DOCUMENT.id, "v1")
