"""Leaks between a set and what was trained on, or another set."""

import json
from pathlib import Path

import pytest

from eval.case import EvalCase
from eval.sets.leaks import (
    AskedElsewhere,
    asked_by_cases,
    asked_elsewhere,
    leaks_between,
    marked_leaks,
)
from tandem.errors import InvalidRequestError, LeakError
from tandem.vocabulary import document_id


def case(number: str, question: str, *documents: str, paraphrases: tuple[str, ...] = ()) -> EvalCase:
    return EvalCase(id=number, question=question, documents=documents, paraphrases=paraphrases)


CASES = [
    case("same", "When does the gate of the Quorvex depot close?", "quorvex.md"),
    case("near", "When does the gate of the Quorvex depot close today?"),
    case("other words", "Until when may I drive in?", paraphrases=("Where do deliveries wait at night?",)),
    case("another", "When does the gate of the Tarnholt depot close?", "tarnholt.md"),
]
TRAINED = ("when does the gate of the Quorvex depot CLOSE", "Where do deliveries wait at night?")


def test_the_same_question_and_nearly_the_same_one_leak_and_one_of_another_thing_does_not() -> None:
    found = leaks_between(CASES, AskedElsewhere("training", TRAINED))
    assert found.same == {"same": TRAINED[0], "other words": TRAINED[1]}
    assert found.near == {"near": TRAINED[0]}
    assert (found.documents, found.leaking) == ({}, {"same", "near", "other words"})
    assert "3 of 4 cases leak into training: 2 are the same question, 1 nearly" in found.told()


def test_a_document_leaks_by_its_address_and_by_its_id() -> None:
    number = document_id("default", "depots", "tarnholt.md")
    for named, corpora, leaking in (
        ("tarnholt.md", (), {"another"}),
        (number, ("depots",), {"another"}),
        (number, ("docs",), set()),
    ):
        found = leaks_between(CASES, AskedElsewhere("t", ("Anything?",), (named,)), corpora)
        assert found.leaking == leaking
    assert not leaks_between(CASES, AskedElsewhere("t", (), ("tarnholt.md",)), documents=False)
    by_id = [case("x", "Which?", number)]
    assert leaks_between(by_id, AskedElsewhere("t", (), ("tarnholt.md",)), ("depots",)).documents


def test_a_leaking_set_is_refused_and_marked_when_it_is_forced() -> None:
    leaking = leaks_between(CASES, AskedElsewhere("training", TRAINED))
    clean = leaks_between(CASES, AskedElsewhere("elsewhere", ("Who?",)))
    with pytest.raises(LeakError, match="leak into training") as caught:
        marked_leaks([clean, leaking], force=False)
    assert "--force" in str(caught.value.hint)
    assert marked_leaks([clean, leaking], force=True) == (leaking.told(),)
    assert marked_leaks([clean], force=False) == ()


def test_a_training_set_is_read_whole_with_its_validation(tmp_path: Path) -> None:
    for name, question in (("train.jsonl", "A?"), ("validation.jsonl", "B?")):
        line = {"id": "x", "kind": "grounded", "question": question, "documents": ["d"], "messages": []}
        (tmp_path / name).write_text(json.dumps(line) + "\n")
    assert asked_elsewhere(tmp_path) == AskedElsewhere(str(tmp_path), ("A?", "B?"), ("d",))
    (tmp_path / "validation.jsonl").write_text("")
    assert asked_elsewhere(tmp_path).questions == ("A?",)
    assert asked_elsewhere(tmp_path / "train.jsonl").documents == ("d",)
    with pytest.raises(InvalidRequestError, match="no training set"):
        asked_elsewhere(tmp_path.parent)


def test_a_set_leaks_wholly_into_itself() -> None:
    assert leaks_between(CASES, asked_by_cases("mine@1", CASES)).leaking == {case.id for case in CASES}
