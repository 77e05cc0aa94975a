"""Shadow mode: champion and challenger on the same questions."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from tandem.experiments.agreement import token_f1
from tandem.sequential import Effect, Sample, mean_interval
from tandem.store import Experiment, ShadowPair, ShadowSide, Store

_LEVEL = 0.05
_NO_ANSWER = ("failed", "degraded")


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of an answer, `None` where there is none, and the difference that the interval is tuned to."""

    name: str
    value: Callable[[ShadowSide], float | None]
    smallest: float


_FIGURES = (
    _Figure("failed", lambda side: float(side.outcome in _NO_ANSWER), 0.05),
    _Figure(
        "abstained",
        lambda side: None if side.outcome in _NO_ANSWER else float(side.outcome == "abstained"),
        0.05,
    ),
    _Figure("citations", lambda side: _answered(side, side.citations), 0.5),
    _Figure("cited", lambda side: _answered(side, side.cited), 0.05),
    _Figure("total_ms", lambda side: None if side.cached else _answered(side, side.total_ms), 100.0),
    _Figure("first_token_ms", lambda side: None if side.cached else side.first_token_ms, 100.0),
    _Figure("answer_chars", lambda side: _answered(side, side.answer_chars), 50.0),
    _Figure("quality", lambda side: side.quality, 0.05),
)


@dataclass(frozen=True, slots=True)
class Paired:
    """One figure of both answers, over the questions in which both have it."""

    arm: str
    figure: str
    pairs: int
    units: int
    champion: float
    challenger: float
    difference: float
    """Challenger minus champion, a mean over units; its interval holds at any time, `None` is not known yet."""
    low: float | None
    high: float | None


def paired_results(experiment: Experiment, store: Store, tenant: str | None = None) -> list[Paired]:
    """Of each challenger each figure, and `agreement`: how alike the words of both answers are. Blocking."""
    pairs = store.shadow_pairs(experiment.id, tenant=tenant, words=True)
    found = []
    for one in experiment.plan.challengers:
        mine = [pair for pair in pairs if pair.arm == one.arm]
        found += [made for figure in _FIGURES if (made := _paired(one.arm, figure, mine)) is not None]
        if (alike := _agreement(one.arm, mine)) is not None:
            found.append(alike)
    return found


def agreement_of(pair: ShadowPair) -> float | None:
    """F1 of the words of both answers; `None` where they are not kept."""
    if pair.shown_text is None or pair.shadow_text is None or pair.shadow.outcome in _NO_ANSWER:
        return None
    return token_f1(pair.shown_text, pair.shadow_text)


def _paired(arm: str, figure: _Figure, pairs: Sequence[ShadowPair]) -> Paired | None:
    both: list[tuple[str, float, float]] = []
    for pair in pairs:
        shown, hidden = figure.value(pair.shown), figure.value(pair.shadow)
        if shown is not None and hidden is not None:
            both.append((pair.unit, shown, hidden))
    if not both:
        return None
    units, effect = _by_unit([(unit, hidden - shown) for unit, shown, hidden in both], figure.smallest)
    champion = sum(shown for _, shown, _ in both) / len(both)
    challenger = sum(hidden for _, _, hidden in both) / len(both)
    low, high = _ends(effect)
    return Paired(arm, figure.name, len(both), units, champion, challenger, effect.estimate, low, high)


def _agreement(arm: str, pairs: Sequence[ShadowPair]) -> Paired | None:
    values = [(pair.unit, alike) for pair in pairs if (alike := agreement_of(pair)) is not None]
    if not values:
        return None
    units, effect = _by_unit(values, 0.05)
    low, high = _ends(effect)
    return Paired(arm, "agreement", len(values), units, 1.0, effect.estimate, effect.estimate, low, high)


def _by_unit(values: Sequence[tuple[str, float]], smallest: float) -> tuple[int, Effect]:
    of_unit: dict[str, list[float]] = defaultdict(list)
    for unit, value in values:
        of_unit[unit].append(value)
    means = [sum(each) / len(each) for each in of_unit.values()]
    return len(means), mean_interval(Sample.of(means), smallest, _LEVEL)


def _ends(effect: Effect) -> tuple[float | None, float | None]:
    low, high = (end if isfinite(end) else None for end in (effect.low, effect.high))
    return low, high


def _answered(side: ShadowSide, value: float | None) -> float | None:
    return None if side.outcome != "answered" or value is None else float(value)
