"""What answers take and cost."""

from eval.comparison import Arm, Comparison, Sentence
from eval.report.references import to_cost
from eval.report.wording import duration, joined, money, seconds, storage


def cost_sentences(comparison: Comparison) -> list[Sentence]:
    """Time, money where a price is known, and what training and storing take."""
    return [_time(comparison), *_money(comparison), *_training(comparison)] if comparison.arms else []


def _time(comparison: Comparison) -> Sentence:
    arms = comparison.arms
    median = joined([f"{seconds(arm.cost.seconds_p50)} with {arm.name}" for arm in arms])
    slow = joined([f"{seconds(arm.cost.seconds_p95)} with {arm.name}" for arm in arms])
    return Sentence(
        text=f"At the median an answer takes {median}; one in twenty takes longer than {slow}.",
        figures=_all(arms),
        topic="cost",
    )


def _money(comparison: Comparison) -> list[Sentence]:
    priced = [arm for arm in comparison.arms if arm.cost.money_per_1000 is not None]
    if not priced:
        return []
    bases = list(dict.fromkeys(arm.cost.money_basis for arm in priced))
    listed = joined([f"{money(arm.cost.money_per_1000)} with {arm.name}" for arm in priced])
    basis = f" ({bases[0]})" if len(bases) == 1 and bases[0] else ""
    return [
        Sentence(text=f"A thousand answers cost {listed}{basis}.", figures=_all(tuple(priced)), topic="cost")
    ]


def _training(comparison: Comparison) -> list[Sentence]:
    found = []
    for arm in comparison.arms:
        facts = [
            f"{duration(arm.cost.training_s)} of training" if arm.cost.training_s is not None else "",
            f"{storage(arm.cost.storage_bytes)} of storage" if arm.cost.storage_bytes else "",
            f"{duration(arm.cost.set_up_s)} in all before the first answer"
            if arm.cost.set_up_s and arm.cost.set_up_s != arm.cost.training_s
            else "",
        ]
        if told := [one for one in facts if one]:
            found.append((arm, joined(told)))
    if not found:
        return []
    text = "; ".join(f"{arm.name} takes {told}" for arm, told in found)
    return [
        Sentence(text=f"To be set up, {text}.", figures=_all(tuple(arm for arm, _ in found)), topic="cost")
    ]


def _all(arms: tuple[Arm, ...]) -> tuple[str, ...]:
    return tuple(to_cost(arm.name) for arm in arms)
