"""Versions of eval sets in the store, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from eval.case import EvalCase
from eval.sets.registry import EvalSets
from tandem.errors import InvalidRequestError, NotFoundError, StorageError
from tandem.store import Store

CASES = [
    EvalCase(id="a", question="Where?", references=("here \x00 ä 🙂",), documents=("d",), answer_start=3),
    EvalCase(id="b", question="When?", answerable=False, tags=("hard",)),
]


def test_a_version_comes_back_as_it_was_saved(store: Store) -> None:
    sets = EvalSets(store)
    saved, new = sets.save(
        "mine", CASES, description="gates", note="first", author="ada", origin={"from": "file", "n": 1}
    )
    assert new
    assert (saved.ref, saved.count, saved.cases) == ("mine@1", 2, tuple(CASES))
    assert sets.get("mine") == sets.get("mine@1") == saved
    assert (saved.description, saved.note, saved.author) == ("gates", "first", "ada")
    assert saved.origin == {"from": "file", "n": 1}
    assert abs((datetime.now(UTC) - saved.created_at).total_seconds()) < 60


def test_the_same_cases_make_no_version_and_others_make_the_next(store: Store) -> None:
    sets = EvalSets(store)
    first, _ = sets.save("mine", CASES, description="gates")
    same, new = sets.save("mine", list(reversed(CASES)), note="again")
    assert (same, new) == (first, False)
    second, new = sets.save("mine", CASES[:1])
    assert (second.ref, second.description, new) == ("mine@2", "gates", True)
    back, new = sets.save("mine", CASES)
    assert (back.ref, back.hash, new) == ("mine@3", first.hash, True)
    sets.save("another", CASES)
    assert [one.ref for one in sets.versions()] == ["another@1", "mine@3", "mine@2", "mine@1"]
    assert [one.count for one in sets.versions("mine")] == [2, 1, 2]
    assert sets.get("mine@2").cases == tuple(CASES[:1])


def test_savers_at_the_same_time_give_each_number_once(store: Store) -> None:
    sets = EvalSets(store)
    wanted = [[EvalCase(id=str(n), question=f"question {n}")] for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        saved = list(pool.map(lambda cases: sets.save("mine", cases)[0], wanted))
    assert sorted(one.number for one in saved) == [1, 2, 3, 4, 5, 6]
    assert all(sets.get(one.ref).cases == one.cases for one in saved)


def test_what_is_not_there_is_named(store: Store) -> None:
    sets = EvalSets(store)
    sets.save("mine", CASES)
    with pytest.raises(NotFoundError, match="no eval set 'none'"):
        sets.get("none")
    with pytest.raises(NotFoundError, match="no version 2") as caught:
        sets.get("mine@2")
    assert caught.value.hint == "Its newest is 1."
    with pytest.raises(NotFoundError):
        sets.versions("none")
    for ref in ("mine@champion", "mine@0", "mine@"):
        with pytest.raises(InvalidRequestError, match="names no version"):
            sets.get(ref)


@pytest.mark.parametrize("name", ["", "Mine", "a/b", "../x", "a@1", "x" * 65, "a b"])
def test_a_bad_name_is_refused(name: str, store: Store) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be the name"):
        EvalSets(store).save(name, CASES)


def test_bad_cases_are_refused_and_nothing_is_kept(store: Store) -> None:
    sets = EvalSets(store)
    with pytest.raises(InvalidRequestError, match="at least one case"):
        sets.save("mine", [])
    with pytest.raises(InvalidRequestError, match="1 ids are there more than once, such as 'a'"):
        sets.save("mine", [CASES[0], CASES[0]])
    with pytest.raises(InvalidRequestError, match="author"):
        sets.save("mine", CASES, author="x" * 129)
    with pytest.raises(InvalidRequestError, match="origin"):
        sets.save("mine", CASES, origin={"loss": float("nan")})
    assert sets.versions() == []


def test_cases_that_somebody_has_changed_are_not_handed_out(store: Store) -> None:
    sets = EvalSets(store)
    sets.save("mine", CASES)
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE eval_set_versions SET cases = replace(cases, 'When?', 'Why?')"))
    with pytest.raises(StorageError, match="do not have its hash"):
        sets.get("mine")
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE eval_set_versions SET cases = '['"))
    with pytest.raises(StorageError):
        sets.get("mine")
