"""Rows of adapters, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tandem.errors import NotFoundError
from tandem.store import AdapterRow, Store


def add(store: Store, name: str = "mine", size: int = 7, *, fails: bool = False) -> AdapterRow:
    def place(number: int) -> AdapterRow:
        if fails:
            raise OSError("no")
        return AdapterRow(
            name=name,
            number=number,
            base="hub:a/b",
            base_hash="b" * 64,
            data_hash="",
            rank=8,
            size=size,
            seconds=1.5,
            author="ada",
            note="Grüße",
            created_at=datetime.now(UTC).replace(microsecond=0),
            unserved=["DoRA"],
            files={"a": "f" * 64},
            sizes={"a": size},
            parameters={"lr": 0.5},
            metrics={"f1": {"dev": 1}},
        )

    return store.add_adapter(name, place)


def test_a_row_comes_back_as_it_was_added(store: Store) -> None:
    added = add(store, size=2**40)
    assert store.adapter("mine") == added
    assert store.adapters() == [added]


def test_what_could_not_be_placed_is_not_there(store: Store) -> None:
    with pytest.raises(OSError, match="no"):
        add(store, fails=True)
    assert store.adapters() == []
    assert add(store).number == 1


def test_the_number_of_a_removed_row_stays_used(store: Store) -> None:
    for _ in range(2):
        add(store)
    for number in (1, 2):
        store.remove_adapter("mine", number, author="ada")
    assert store.adapters("mine") == []
    with pytest.raises(NotFoundError):
        store.adapter("mine")
    with pytest.raises(NotFoundError):
        store.remove_adapter("mine", 2, author="ada")
    assert add(store).number == 3


def test_rows_added_at_the_same_time_have_different_numbers(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _: add(store).number, range(12)))
    assert sorted(numbers) == list(range(1, 13))


def test_a_tag_of_one_name_has_nothing_to_do_with_another(store: Store) -> None:
    add(store), add(store), add(store, "other")
    store.move_adapter_tag("mine", "champion", "2", author="ada")
    store.move_adapter_tag("other", "champion", None, author="ada")
    store.take_adapter_tag("mine", "champion", author="ada")
    assert store.adapter("other", "champion").tags == ("champion",)
    assert [(one.move, one.number) for one in store.adapter_tag_moves("mine")] == [(2, None), (1, 2)]
    with pytest.raises(NotFoundError):
        store.move_adapter_tag("mine", "champion", "3", author="ada")


def test_settling_knows_what_is_there(store: Store) -> None:
    add(store), add(store), add(store, "other")
    store.remove_adapter("mine", 1, author="ada")
    seen: list[set[int]] = []
    store.settle_adapters("mine", seen.append)
    store.settle_adapters("nosuch", seen.append)
    assert seen == [{2}, set()]
