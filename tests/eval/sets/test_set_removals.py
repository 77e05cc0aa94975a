"""Eval sets are removed; runs that asked them keep their figures as long as there is one. On both databases."""

from typing import Any

import pytest

from eval.case import EvalCase
from eval.sets.registry import EvalSets
from tandem.errors import ConflictError, NotFoundError
from tandem.store import EvalSetUse, Store

CASES = [EvalCase(id="a", question="Where?", references=("here",)), EvalCase(id="b", question="When?")]


def facts(number: int) -> dict[str, Any]:
    return {"eval_set": {"name": "mine", "number": number}}


@pytest.fixture
def sets(store: Store) -> EvalSets:
    """Two versions of one set, and another set."""
    made = EvalSets(store)
    made.save("mine", CASES[:1], note="secret")
    made.save("mine", CASES)
    made.save("other", CASES)
    return made


def test_a_set_that_no_run_asked_is_gone_with_its_cases_and_its_numbers_are_not_given_again(
    store: Store, sets: EvalSets
) -> None:
    gone = [EvalSetUse("mine", 2, 2, 0, ()), EvalSetUse("mine", 1, 1, 0, ())]
    assert sets.uses("mine") == gone
    assert sets.remove("mine") == gone
    for act in (sets.get, sets.versions, sets.uses, sets.remove):
        with pytest.raises(NotFoundError):
            act("mine")
    assert [one.ref for one in sets.versions()] == ["other@1"]
    rows = [store.eval_set("mine", number, removed=True) for number in (1, 2)]
    assert {(one.cases, one.note) for one in rows} == {("", "")}
    assert sets.save("mine", CASES)[0].ref == "mine@3"


def test_without_its_newest_version_a_set_goes_on_from_the_one_before(store: Store, sets: EvalSets) -> None:
    sets.remove("mine", 2)
    assert sets.get("mine").ref == "mine@1"
    with pytest.raises(NotFoundError, match="no version 2"):
        sets.get("mine@2")
    with pytest.raises(NotFoundError, match="in version 2"):
        sets.remove("mine", 2)
    same, new = sets.save("mine", CASES[:1])
    assert (same.ref, new) == ("mine@1", False)
    assert sets.save("mine", CASES)[0].ref == "mine@3"


def test_cases_stay_for_the_runs_that_asked_them_and_go_with_the_last(store: Store, sets: EvalSets) -> None:
    runs = [store.begin_eval_run("mine", facts(2)) for _ in range(2)]
    for one in runs:
        store.set_eval_run_state(one.id, "finished")
    assert [(one.number, one.runs) for one in sets.remove("mine")] == [(2, 2), (1, 0)]
    assert store.eval_set("mine", 1, removed=True).cases == ""
    for one in runs:
        assert sets.get("mine@2", removed=True).cases == tuple(CASES)
        store.delete_eval_run(one.id)
    assert store.eval_set("mine", 2, removed=True).cases == ""


def test_a_run_that_goes_on_keeps_its_version(store: Store, sets: EvalSets) -> None:
    run = store.begin_eval_run("mine", facts(1))
    with pytest.raises(ConflictError, match=run.id[:8]):
        sets.remove("mine")
    assert len(sets.versions("mine")) == 2, "all of it or nothing"
    sets.remove("mine", 2)
    store.set_eval_run_state(run.id, "partial")
    sets.remove("mine")
    assert sets.get("mine@1", removed=True).note == "secret"


def test_no_run_begins_on_what_was_removed_in_the_meantime(store: Store, sets: EvalSets) -> None:
    sets.remove("mine", 2)
    with pytest.raises(NotFoundError, match="was removed"):
        store.begin_eval_run("mine", facts(2))
    assert store.begin_eval_run("mine", facts(1)).state == "running"
