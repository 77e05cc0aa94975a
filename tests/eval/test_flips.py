"""Which questions flipped, of cases that ask the same in both."""

import pytest

from eval.case import EvalCase
from eval.flips import Answered, flips_between
from eval.measure import Measure, Scores, Stage
from eval.reply import Reply
from tandem.errors import InvalidRequestError

F1 = Measure("token_f1", "F1", Stage.GENERATION, "F1 of words.", "score")
WRONG = Measure("noise", "Noise", Stage.RETRIEVAL, "Share of noise.", better="lower")


def answered(name: str, values: dict[str, float], measure: Measure = F1, **questions: str) -> Answered:
    cases = {one: EvalCase(id=one, question=questions.get(one, f"{one}?")) for one in values}
    replies = {
        one: Reply(arm="a", recipe_version="v", case=one, question="?", text=f"{name} {one}")
        for one in values
    }
    return Answered(name, cases, replies, Scores(measure, values))


def test_gained_and_lost_are_told_with_both_answers_the_largest_change_first() -> None:
    before = answered("r1:base", {"a": 0.0, "b": 0.45, "c": 1.0, "d": 0.9, "e": 1.0})
    after = answered("r2:rag", {"a": 1.0, "b": 0.5, "c": 0.0, "d": 0.95, "f": 1.0})
    flips = flips_between(before, after)
    assert [one.case.id for one in flips.gained] == ["a", "b"]
    assert [(one.before, one.after) for one in flips.lost] == [("r1:base c", "r2:rag c")]
    assert (flips.same, flips.left_out) == (1, 2)
    assert flips.difference is not None
    assert flips.difference.estimate.mean == pytest.approx((1 + 0.05 - 1 + 0.05) / 4)
    assert (flips.difference.one, flips.difference.other) == ("r2:rag", "r1:base")


def test_of_a_measure_where_lower_is_better_less_is_gained() -> None:
    flips = flips_between(
        answered("x", {"a": 1.0, "b": 0.0}, WRONG), answered("y", {"a": 0.2, "b": 0.5}, WRONG)
    )
    assert [one.case.id for one in flips.gained] == ["a"]
    assert [one.case.id for one in flips.lost] == ["b"]


def test_a_case_that_asks_something_else_now_is_left_out() -> None:
    flips = flips_between(
        answered("x", {"a": 0.0, "b": 0.0}), answered("y", {"a": 1.0, "b": 1.0}, a="Another?")
    )
    assert [one.case.id for one in flips.gained] == ["b"]
    assert flips.left_out == 1
    assert flips.difference is None


def test_what_cannot_be_set_against_each_other_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="in common"):
        flips_between(answered("x", {"a": 0.0}), answered("y", {"b": 0.0}))
    seconds = Measure("seconds", "Seconds", Stage.COST, "Seconds.", "seconds", better="lower")
    with pytest.raises(InvalidRequestError, match="right or wrong"):
        flips_between(answered("x", {"a": 0.0}, seconds), answered("y", {"a": 0.0}, seconds))
