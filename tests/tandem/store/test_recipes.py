"""Versions of recipes and the champion's changes, on both databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tandem.errors import ConflictError, NotFoundError
from tandem.store import RecipeVersion, Store

WHO = {"author": "ada", "reason": "better", "initial": "rag"}


def save(store: Store, name: str, digest: str) -> tuple[RecipeVersion, bool]:
    prompt, _ = store.save_prompt("p", "text", "ada")
    return store.save_recipe(name, digest, {"model": digest}, ("p", prompt.hash), "ada")


def test_a_changed_recipe_is_a_new_version_and_the_same_is_none(store: Store) -> None:
    first, made = save(store, "mine", "a" * 64)
    assert (made, first.number, first.template, first.definition) == (True, 1, "text", {"model": "a" * 64})
    assert save(store, "mine", "a" * 64) == (first, False)
    second, _ = save(store, "mine", "b" * 64)
    assert second.number == 2
    third, _ = save(store, "mine", "a" * 64)
    assert third.number == 3
    assert [(one.name, one.number) for one in store.recipes_after(first.id)] == [("mine", 2), ("mine", 3)]


def test_a_recipe_needs_its_prompt(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.save_recipe("mine", "a" * 64, {}, ("p", "0" * 64), "ada")


def test_ids_grow_without_a_gap_when_many_save_at_once(store: Store) -> None:
    save(store, "first", "f" * 64)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: save(store, f"r{n % 3}", f"{n:064d}"), range(20)))
    assert [one.id for one in store.recipes_after(0)] == list(range(1, 22))


def test_the_champion_is_that_of_the_settings_until_it_is_changed(store: Store) -> None:
    assert store.champion_change() is None
    assert store.champion_history() == []
    change = store.set_champion("mine", "a" * 12, **WHO)
    assert (change.label, store.champion_change()) == (f"mine@{'a' * 12}", change)
    assert [(one.label, one.author, one.reason) for one in store.champion_history()] == [
        (f"mine@{'a' * 12}", "ada", "better"),
        ("rag", "tandem", "Champion of the settings"),
    ]


def test_a_champion_that_is_not_the_expected_one_is_not_changed(store: Store) -> None:
    with pytest.raises(ConflictError, match="'rag', not 'base'"):
        store.set_champion("mine", None, **WHO, expected="base")
    assert store.champion_change() is None
    store.set_champion("a", None, **WHO, expected="rag")
    store.set_champion("b", "1" * 12, **WHO, expected="a")
    with pytest.raises(ConflictError):
        store.set_champion("c", None, **WHO, expected="b")
    store.set_champion("c", None, **WHO, expected=f"b@{'1' * 12}")


def test_of_those_who_expect_the_same_champion_one_changes_it(store: Store) -> None:
    def change(n: int) -> bool:
        try:
            store.set_champion(f"r{n}", None, **WHO, expected="rag")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(change, range(8))) == 1
    assert len(store.champion_history()) == 2


def test_rollback_goes_one_step_each_time(store: Store) -> None:
    for name in ("a", "b", "c"):
        store.set_champion(name, None, **WHO)
    who = {"author": "bob", "reason": ""}
    assert [store.rollback_champion(**who).recipe for _ in range(3)] == ["b", "a", "rag"]
    with pytest.raises(NotFoundError):
        store.rollback_champion(**who)
    assert store.champion_history()[0].reason == "Rolled back from a"
    store.set_champion("d", None, **WHO)
    assert store.rollback_champion(**who).recipe == "rag"


def test_a_rollback_that_expects_another_champion_is_refused(store: Store) -> None:
    store.set_champion("a", None, **WHO)
    with pytest.raises(ConflictError):
        store.rollback_champion(author="bob", reason="", expected="b")


def test_the_champion_set_anew_is_no_change(store: Store) -> None:
    first = store.set_champion("a", None, **WHO)
    assert store.set_champion("a", None, **WHO) == first
