"""Turns of phrase that several topics share."""

from collections.abc import Sequence

from eval.comparison import Arm, Comparison, Interval, MeasureFacts
from eval.report.contrasts import Contrast, bare_facts, facts_of
from eval.report.references import figure_of
from eval.report.wording import amount, change, count, size, spread


def leading_facts(comparison: Comparison) -> MeasureFacts:
    """What is said of the leading measure; its bare name where nothing is."""
    return facts_of(comparison, comparison.leading) or bare_facts(comparison.leading)


def with_interval(estimate: Interval, facts: MeasureFacts) -> str:
    """Such as `41.2% (95% interval 37.1 to 45.3)`."""
    return f"{amount(estimate.mean, facts.unit)} (95% interval {spread(estimate, facts.unit)})"


def apart(held: Contrast, facts: MeasureFacts) -> str:
    """Such as `+6.2 points (95% interval 3.1 to 9.4)`."""
    estimate = held.difference.estimate
    word = size(estimate.mean, facts.unit).partition(" ")[2]
    return (
        f"{change(estimate.mean, facts.unit)} {word} (95% interval {spread(estimate, facts.unit)})".replace(
            "  ", " "
        )
    )


def would_show(held: Contrast, facts: MeasureFacts) -> str:
    """Such as `these 232 questions would show a difference of 4.1 points`."""
    difference = held.difference
    detectable = size(difference.detectable, facts.unit)
    return f"these {count(difference.cases)} questions would show a difference of {detectable}"


def per_arm(arms: Sequence[Arm], measure: MeasureFacts, tag: str | None = None) -> list[str]:
    """Such as `78.3% with rag`, of the arms that have a value."""
    return [
        f"{amount(figure.estimate.mean, measure.unit)} with {arm.name}"
        for arm in arms
        if (figure := figure_of(arm, measure.name, tag)) is not None and figure.estimate is not None
    ]
