"""Which arm to serve: the best, or the cheapest of those that are not told apart from it."""

from dataclasses import dataclass

from eval.comparison import Arm, Comparison
from eval.report.contrasts import Contrast, contrast, facts_of
from eval.report.references import mean_of


@dataclass(frozen=True, slots=True)
class Choice:
    """What the figures allow to be said of the leading measure."""

    serve: Arm
    best: Arm
    """With the best mean."""
    rivals: tuple[Arm, ...]
    """Not shown to be worse than the best, best first, without it."""
    beaten: tuple[Arm, ...]
    """Shown to be worse than the best, best first."""
    enough: bool
    """Whether each rival is known to be near; else there were too few questions, or no test."""

    @property
    def shown(self) -> bool:
        """Whether every other arm is shown to be worse than the best."""
        return bool(self.beaten) and not self.rivals


def choose(comparison: Comparison) -> Choice | None:
    """The choice by the leading measure; `None` where no arm has a value of it."""
    ranked = ranking(comparison)
    if not ranked:
        return None
    best, *others = ranked
    beaten = _beaten_by(comparison, best, others)
    rivals = tuple(arm for arm in others if arm not in beaten)
    against = [contrast(comparison, comparison.leading, best, arm) for arm in rivals]
    return Choice(
        serve=min((best, *rivals), key=lambda arm: expense(arm, (best, *rivals))),
        best=best,
        rivals=rivals,
        beaten=tuple(arm for arm in others if arm in beaten),
        enough=all(one is not None and _near(one) for one in against),
    )


def ranking(comparison: Comparison) -> list[Arm]:
    """Arms by the mean of the leading measure, the best first; without those that have none."""
    facts = facts_of(comparison, comparison.leading)
    sign = 1 if facts is not None and facts.better == "lower" else -1
    known = [(mean, arm) for arm in comparison.arms if (mean := mean_of(arm, comparison.leading)) is not None]
    return [arm for _, arm in sorted(known, key=lambda pair: sign * pair[0])]


def expense(arm: Arm, among: tuple[Arm, ...]) -> tuple[bool, float]:
    """Orders arms by what they ask for: first those without an adapter to train and keep, then by money, else time."""
    priced = all(one.cost.money_per_1000 is not None for one in among)
    price = arm.cost.money_per_1000 if priced else arm.cost.seconds_p50
    return arm.adapter is not None, price or 0.0


def _beaten_by(comparison: Comparison, best: Arm, others: list[Arm]) -> list[Arm]:
    """Those that the best was shown to be better than, or that an arm is better than that was beaten itself."""
    reached, edge = [best], [best]
    while edge:
        winner = edge.pop()
        for arm in others:
            held = contrast(comparison, comparison.leading, winner, arm)
            if arm not in reached and held is not None and held.difference.verdict == "better":
                reached.append(arm)
                edge.append(arm)
    return reached[1:]


def _near(held: Contrast) -> bool:
    return held.difference.verdict == "no difference seen"
