"""Two arms over the same questions, asked for in either order."""

from dataclasses import dataclass
from typing import Literal

from eval.comparison import Arm, Comparison, Difference, Interval, MeasureFacts
from eval.measure import Stage
from eval.report.references import to_difference

PARTS: tuple[tuple[str, str, str], ...] = (
    ("prompting", "prompted", "base"),
    ("retrieval", "rag", "base"),
    ("fine-tuning", "tuned", "base"),
    ("fine-tuning on top of retrieval", "hybrid", "rag"),
    ("retrieval on top of fine-tuning", "hybrid", "tuned"),
)
"""What a part brings shows between the kind of arm that has it and the one that differs in nothing else."""

_TURNED: dict[str, Literal["better", "worse"]] = {"better": "worse", "worse": "better"}


@dataclass(frozen=True, slots=True)
class Contrast:
    """What `one` has more than `other` of a measure; `reference` names the figure as it stands in the comparison."""

    one: Arm
    other: Arm
    difference: Difference
    reference: str


def contrast(
    comparison: Comparison, measure: str, one: Arm, other: Arm, tag: str | None = None
) -> Contrast | None:
    """The difference of two arms, turned round where it was taken the other way; `None` where it was not taken."""
    for difference in comparison.differences:
        if (difference.measure, difference.slice) != (measure, tag):
            continue
        names = (difference.one, difference.other)
        if names == (one.name, other.name):
            return Contrast(one, other, difference, to_difference(difference))
        if names == (other.name, one.name):
            return Contrast(one, other, turned(difference), to_difference(difference))
    return None


def turned(difference: Difference) -> Difference:
    """The second less the first."""
    estimate = difference.estimate
    return difference.model_copy(
        update={
            "one": difference.other,
            "other": difference.one,
            "estimate": Interval(mean=-estimate.mean, low=-estimate.high, high=-estimate.low),
            "verdict": _TURNED.get(difference.verdict, difference.verdict),
        }
    )


def arm_of_kind(comparison: Comparison, kind: str) -> Arm | None:
    """The first arm of a kind."""
    return next((arm for arm in comparison.arms if arm.kind == kind), None)


def part_contrasts(comparison: Comparison) -> list[tuple[str, Contrast]]:
    """What each part brings of the leading measure, by the part's name; only those that were measured."""
    found = []
    for part, kind, without in PARTS:
        one, other = arm_of_kind(comparison, kind), arm_of_kind(comparison, without)
        if one is None or other is None:
            continue
        if held := contrast(comparison, comparison.leading, one, other):
            found.append((part, held))
    return found


def facts_of(comparison: Comparison, measure: str) -> MeasureFacts | None:
    """What is said of a measure."""
    return next((one for one in comparison.measures if one.name == measure), None)


def all_facts(comparison: Comparison) -> list[MeasureFacts]:
    """What is said of each measure that an arm has a figure of; of one that nothing is said of, its name."""
    shown = dict.fromkeys(figure.measure for arm in comparison.arms for figure in arm.figures)
    shown |= dict.fromkeys(
        one.measure for arm in comparison.arms for part in arm.slices for one in part.figures
    )
    told = {one.name for one in comparison.measures}
    return [
        *(one for one in comparison.measures if one.name in shown),
        *(bare_facts(name) for name in shown if name not in told),
    ]


def bare_facts(measure: str) -> MeasureFacts:
    """A measure of which only the name is known."""
    return MeasureFacts(
        name=measure, title=measure, stage=Stage.GENERATION, definition="", unit="score", better="higher"
    )
