"""Which questions flipped between two arms, of one run or of two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.case import EvalCase
from eval.comparison import Difference
from eval.measure import Scores
from eval.reply import Reply
from eval.statistics.clusters import clusters_of
from eval.statistics.differences import differences
from tandem.errors import InvalidRequestError

_RIGHT = 0.5
"""Value of a share or score from which an answer counts as right."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one arm answered to the cases, and the leading measure of it."""

    name: str
    """Unlike that of the other."""
    cases: Mapping[str, EvalCase]
    replies: Mapping[str, Reply]
    scores: Scores


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that one arm has right and the other wrong."""

    case: EvalCase
    before: str
    after: str
    score_before: float
    score_after: float


@dataclass(frozen=True, slots=True)
class Flips:
    """What changed from the first arm to the second."""

    measure: str
    gained: tuple[Flip, ...]
    """Right in the second alone, the largest change first."""
    lost: tuple[Flip, ...]
    """Right in the first alone."""
    same: int
    """Questions that are right in both, or in neither."""
    left_out: int
    """Cases that not both have a value for, or that ask something else in each."""
    difference: Difference | None
    """The second less the first; `None` for fewer than two cases."""


def flips_between(before: Answered, after: Answered) -> Flips:
    """The questions that flipped by a measure of which higher, or lower, is better.

    A share or score is right from one half on. Raises `InvalidRequestError` where the two have no case in common, or
    the measure is no share or score.
    """
    measure = before.scores.measure
    if measure.unit not in ("share", "score") or measure.better == "neither":
        raise InvalidRequestError(
            f"{measure.name} is not right or wrong", param="measure", hint="Name a share or a score."
        )
    known = [one for one in before.cases if one in after.cases]
    same = [one for one in known if _alike(before.cases[one], after.cases[one])]
    both = [one for one in same if one in before.scores.values and one in after.scores.values]
    if not both:
        raise InvalidRequestError("The two have no question in common", param="run")
    found = [_flip(one, before, after) for one in both]
    sign = 1 if measure.better == "higher" else -1
    gained = [one for one in found if _right(one.score_after, sign) and not _right(one.score_before, sign)]
    lost = [one for one in found if _right(one.score_before, sign) and not _right(one.score_after, sign)]
    shown = differences(
        {after.name: after.scores, before.name: before.scores},
        [(after.name, before.name)],
        clusters=clusters_of([before.cases[one] for one in both]),
        only=both,
    )
    return Flips(
        measure.name,
        tuple(_largest_first(gained)),
        tuple(_largest_first(lost)),
        len(both) - len(gained) - len(lost),
        len(before.cases.keys() | after.cases.keys()) - len(both),
        shown[0] if shown else None,
    )


def _alike(one: EvalCase, other: EvalCase) -> bool:
    return (one.question, one.history) == (other.question, other.history)


def _flip(case: str, before: Answered, after: Answered) -> Flip:
    return Flip(
        before.cases[case],
        _text(before.replies.get(case)),
        _text(after.replies.get(case)),
        before.scores.values[case],
        after.scores.values[case],
    )


def _right(value: float, sign: int) -> bool:
    return value >= _RIGHT if sign > 0 else value < _RIGHT


def _text(reply: Reply | None) -> str:
    return "" if reply is None else reply.text


def _largest_first(flips: Sequence[Flip]) -> list[Flip]:
    return sorted(flips, key=lambda one: (-abs(one.score_after - one.score_before), one.case.id))
