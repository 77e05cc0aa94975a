"""What is to be served, on both databases."""

from datetime import UTC, datetime

import pytest

from tandem.errors import NotFoundError
from tandem.store import AdapterRow, Store


def add(store: Store, name: str) -> int:
    def place(number: int) -> AdapterRow:
        digest = "0" * 64
        moment = datetime.now(UTC)
        return AdapterRow(
            name, number, "base", digest, digest, 8, 1, 0.0, "ada", "", moment, [], {}, {}, {}, {}
        )

    return store.add_adapter(name, place).number


def test_what_is_served_is_remembered_in_order_and_let_go_once(store: Store) -> None:
    for name in ("tax", "law"):
        store.serve_adapter(name, add(store, name), author="ada")
    store.serve_adapter("tax", 1, author="bob")
    assert store.served_adapters() == ["tax@1", "law@1"]
    assert (store.release_adapter("tax", 1), store.release_adapter("tax", 1)) == (True, False)
    assert store.served_adapters() == ["law@1"]


def test_a_version_that_is_not_registered_is_not_served(store: Store) -> None:
    add(store, "law")
    store.serve_adapter("law", 1, author="ada")
    store.remove_adapter("law", 1, author="ada")
    assert store.served_adapters() == []
    for name, number in (("law", 1), ("law", 2), ("tax", 1)):
        with pytest.raises(NotFoundError):
            store.serve_adapter(name, number, author="ada")


def test_the_champion_is_the_one_that_was_tagged_last(store: Store) -> None:
    assert store.champion_adapter() is None
    for name in ("law", "law", "tax"):
        add(store, name)
    store.move_adapter_tag("law", "champion", "1", author="ada")
    store.move_adapter_tag("tax", "champion", "1", author="ada")
    store.move_adapter_tag("law", "candidate", "1", author="ada")
    assert store.champion_adapter() == "tax@1"
    store.move_adapter_tag("law", "champion", "2", author="ada")
    assert store.champion_adapter() == "law@2"
    store.take_adapter_tag("law", "champion", author="ada")
    assert store.champion_adapter() == "tax@1"
