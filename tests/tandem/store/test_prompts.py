"""Versions of prompts, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from sqlalchemy import update

from tandem.errors import InvalidRequestError, NotFoundError, StorageError
from tandem.store import Store
from tandem.store.recipe_schema import prompt_versions


def test_a_changed_text_is_a_new_version_and_the_same_text_is_none(store: Store) -> None:
    first, made = store.save_prompt("p", "one", "ada", "begin")
    assert (made, first.number, first.hash) == (True, 1, sha256(b"one").hexdigest())
    again, made = store.save_prompt("p", "one", "bob", "again")
    assert (made, again) == (False, first)
    second, made = store.save_prompt("p", "two", "bob")
    assert (made, second.number, second.label) == (True, 2, "p@2")
    assert [(v.number, v.author, v.note) for v in store.prompt_history("p")] == [
        (2, "bob", ""),
        (1, "ada", "begin"),
    ]


def test_a_version_is_found_by_number_hash_and_tag(store: Store) -> None:
    first, _ = store.save_prompt("p", "one", "ada")
    second, _ = store.save_prompt("p", "two", "ada")
    store.tag_prompt("p", "production", "1", "ada")
    assert store.prompt("p") == second
    for version in ("1", first.hash, first.hash[:8], "production"):
        assert store.prompt("p", version).text == "one"
    for version in ("3", "0" * 8, "nosuch", "", "%", "1' OR 1=1"):
        with pytest.raises(NotFoundError):
            store.prompt("p", version)
    with pytest.raises(NotFoundError):
        store.prompt("q")


def test_a_tag_moves_and_goes(store: Store) -> None:
    store.save_prompt("p", "one", "ada"), store.save_prompt("p", "two", "ada")
    assert store.tag_prompt("p", "production", "1", "ada").tags == ("production",)
    assert store.tag_prompt("p", "production", None, "bob").number == 2
    assert [version.tags for version in store.prompt_history("p")] == [("production",), ()]
    store.untag_prompt("p", "production", "me")
    with pytest.raises(NotFoundError):
        store.untag_prompt("p", "production", "me")
    for tag in ("1", "deadbeef", "A", "a b", ""):
        with pytest.raises(InvalidRequestError):
            store.tag_prompt("p", tag, None, "ada")


def test_a_restored_text_is_the_newest_version_and_nothing_is_lost(store: Store) -> None:
    first, _ = store.save_prompt("p", "one", "ada")
    store.save_prompt("p", "two", "ada")
    restored = store.restore_prompt("p", "1", "bob")
    assert (restored.number, restored.text, restored.hash) == (3, "one", first.hash)
    assert restored.note == "Restored from p@1"
    assert store.restore_prompt("p", "1", "bob").number == 3
    assert len(store.prompt_history("p")) == 3


def test_prompts_are_listed_with_their_newest_version(store: Store) -> None:
    (
        store.save_prompt("b", "one", "ada"),
        store.save_prompt("a", "x", "ada"),
        store.save_prompt("b", "two", "a"),
    )
    assert [(v.name, v.number, v.text) for v in store.prompts()] == [("a", 1, "x"), ("b", 2, "two")]


def test_what_comes_with_tandem_is_not_put_over_what_was_made_of_it(store: Store) -> None:
    store.save_prompt("rag", "bundled", "tandem", known=True)
    store.save_prompt("rag", "mine", "ada")
    found, made = store.save_prompt("rag", "bundled", "tandem", known=True)
    assert (made, found.number) == (False, 1)
    assert store.prompt("rag").text == "mine"


def test_saving_at_the_same_time_loses_no_version(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: store.save_prompt("p", f"text {n}", "ada"), range(20)))
    history = store.prompt_history("p")
    assert [version.number for version in history] == list(range(20, 0, -1))
    assert {version.text for version in history} == {f"text {n}" for n in range(20)}


def test_a_text_that_was_changed_behind_tandem_is_not_used(store: Store) -> None:
    store.save_prompt("p", "one", "ada")
    with store._writing() as connection:
        connection.execute(update(prompt_versions).values(text="evil"))
    with pytest.raises(StorageError, match="p@1"):
        store.prompt("p")
