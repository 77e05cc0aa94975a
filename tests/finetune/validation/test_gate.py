"""A gate opens for what is not worse, and says why it does not."""

from dataclasses import replace

import pytest

from finetune.dataset.questions import SourceQuestion
from finetune.validation.asking import Reply
from finetune.validation.gate import Bounds, gate
from finetune.validation.measures import compare, measure
from finetune.validation.outcome import Outcome, outcome_of


def reply(text: str, *, abstained: bool = False, cited: tuple[str, ...] = ()) -> Reply:
    return Reply(text, abstained, cited, 100, 10, 0.5, "stop")


def asked(number: int, answer: str = "at seven in the evening") -> SourceQuestion:
    return SourceQuestion(
        id=f"q{number}", question=f"When is it, number {number}?", answers=(answer,), documents=("gate.md",)
    )


def outcomes(texts: list[str], *, left_out: bool = False) -> list[Outcome]:
    return [
        outcome_of(asked(n), reply(text, abstained=text.startswith("I don")), left_out=left_out)
        for n, text in enumerate(texts)
    ]


RIGHT, PARTLY, WRONG, UNKNOWN = (
    "At seven in the evening [1].",
    "It is at seven [1].",
    "Green.",
    "I don't know.",
)


def test_an_outcome_is_worth_nothing_where_it_is_unknown_or_there_is_no_answer() -> None:
    right, unknown = outcomes([RIGHT, UNKNOWN])
    assert (right.exact, right.f1, right.contains, right.unknown) == (1.0, 1.0, 1.0, False)
    assert (unknown.exact, unknown.f1, unknown.unknown) == (0.0, 0.0, True)
    guessed = outcomes([RIGHT], left_out=True)[0]
    assert (guessed.answerable, guessed.exact, guessed.f1) == (False, 0.0, 0.0)
    knows = outcome_of(asked(0, "I don't know why"), reply("I don't know why"))
    assert knows.f1 == 0.0


def test_measures_count_each_kind_of_question_by_itself() -> None:
    there = outcomes([RIGHT, UNKNOWN, WRONG, RIGHT])
    missing = outcomes([UNKNOWN, UNKNOWN, UNKNOWN, WRONG], left_out=True)
    found = measure([*there, *missing])
    assert (found.answerable, found.unanswerable) == (4, 4)
    assert found.f1 is not None
    assert found.f1.mean == 0.5
    assert found.unknown_answerable is not None
    assert found.unknown_answerable.mean == 0.25
    assert found.unknown_unanswerable is not None
    assert found.unknown_unanswerable.mean == 0.75
    assert found.citations.given == 0
    assert found.labels is None
    with pytest.raises(ValueError, match="nothing"):
        measure([])


def test_citations_are_those_of_answerable_questions() -> None:
    holding = outcome_of(asked(0), reply(RIGHT, cited=("It closes at seven in the evening.", "Nothing.")))
    elsewhere = outcome_of(asked(1), reply(WRONG, cited=("x",)), left_out=True)
    found = measure([holding, elsewhere]).citations
    assert found.given == 2
    assert found.reference is not None
    assert found.reference.mean == 0.5


def test_labels_are_scored_beside_the_majority() -> None:
    question = SourceQuestion(question="Does it?", answers=("It does.",), documents=("a",), label="yes")
    other = question.model_copy(update={"label": "no"})
    found = measure(
        [
            outcome_of(question, reply("Yes: so.")),
            outcome_of(question, reply("So.")),
            outcome_of(other, reply("No.")),
        ]
    )
    assert found.labels is not None
    assert found.labels.accuracy.mean == pytest.approx(2 / 3)
    assert (found.labels.majority, found.labels.unread) == ("yes", 1)
    assert found.labels.majority_accuracy == pytest.approx(2 / 3)


def test_only_answers_to_the_same_questions_are_compared() -> None:
    there = outcomes([RIGHT, WRONG])
    with pytest.raises(ValueError, match="same questions"):
        compare(there, there[::-1])
    with pytest.raises(ValueError, match="same questions"):
        compare(there, [replace(there[0], answerable=False), there[1]])


def test_what_is_the_same_passes_and_what_is_better_too() -> None:
    serving = outcomes([PARTLY, WRONG, UNKNOWN, RIGHT] * 10)
    same = gate(serving, serving, Bounds())
    assert same.promoted
    assert (same.f1.mean, same.f1.low) == (0.0, 0.0)
    better = gate(outcomes([RIGHT, PARTLY, WRONG, RIGHT] * 10), serving, Bounds())
    assert better.promoted
    assert better.f1.low > 0


def test_a_loss_beyond_the_tolerance_does_not_pass() -> None:
    serving = outcomes([RIGHT] * 40)
    worse = outcomes([RIGHT] * 30 + [PARTLY] * 10)
    verdict = gate(worse, serving, Bounds(f1=0.02))
    assert not verdict.promoted
    assert verdict.reasons[0].startswith("FAILS: F1 differs by -")
    assert gate(worse, serving, Bounds(f1=0.5)).promoted


def test_few_questions_prove_nothing_even_where_the_mean_is_better() -> None:
    ours, theirs = outcomes([RIGHT] * 7 + [WRONG] * 5), outcomes([WRONG] * 7 + [RIGHT] * 5)
    verdict = gate(ours, theirs, Bounds())
    assert verdict.f1.mean > 0
    assert not verdict.promoted


def test_abstention_is_held_to_what_serves_or_to_a_bound_of_its_own() -> None:
    there, missing = [RIGHT] * 20, [UNKNOWN] * 20
    serving = [*outcomes(there), *outcomes(missing, left_out=True)]
    guesses = [*outcomes(there), *outcomes([UNKNOWN] * 15 + [WRONG] * 5, left_out=True)]
    refused = gate(guesses, serving, Bounds())
    assert not refused.promoted
    assert "unanswerable" in refused.reasons[-1]
    assert gate(guesses, serving, Bounds(least_unknown_unanswerable=0.75)).promoted
    assert not gate(guesses, serving, Bounds(least_unknown_unanswerable=0.76)).promoted
    shy = [*outcomes([RIGHT] * 18 + [UNKNOWN] * 2), *outcomes(missing, left_out=True)]
    assert not gate(shy, serving, Bounds(f1=1.0)).promoted
    assert gate(shy, serving, Bounds(f1=1.0, most_unknown_answerable=0.1)).promoted
    with pytest.raises(ValueError, match="have an answer"):
        gate(outcomes(missing, left_out=True), outcomes(missing, left_out=True), Bounds())
