"""What an experiment has shown so far. It may be looked at at any time, see `tandem.sequential`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite

from tandem.experiments.measuring import ArmValues, Measured, measure
from tandem.experiments.shadow import Paired, paired_results
from tandem.sequential import Effect, Sample, difference, units_needed, wealth_above
from tandem.store import Challenger, Experiment, Guardrail, GuardrailMetric, Metric, Store
from tandem.store.experiment_records import CHAMPION

LEVEL = 0.05
"""Of all experiments without an effect at most this share ever says that there is one."""
_SLOW = 0.05
"""Share of the answers that are over the 95th percentile."""


class Standing(StrEnum):
    """What is known of a challenger."""

    BETTER = "better"
    WORSE = "worse"
    ALIKE = "alike"
    """Whatever the difference is, it is less than matters."""
    OPEN = "open"
    GROWING = "growing"
    """Its final share is still to come, so nothing is decided."""


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm in figures; means are of the units' means, `None` where nothing was seen."""

    arm: str
    recipe: str
    share: float
    units: int
    answers: int
    unserved: int
    """Answers that the champion gave because this arm's recipe could not be asked."""
    means: dict[Metric, float | None]
    valued: int
    """Units that have a value of the metric that decides."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An effect with the interval that holds at any time; `None` is an end that is not known yet."""

    estimate: float | None
    low: float | None
    high: float | None
    p: float

    @classmethod
    def of(cls, effect: Effect, tests: int = 1, *, seen: bool = True) -> "Interval":
        """`tests` corrects the p-value for so many challengers (Bonferroni)."""
        low, high = (end if isfinite(end) else None for end in (effect.low, effect.high))
        return cls(effect.estimate if seen else None, low, high, min(1.0, effect.p * tests))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A challenger beside the champion, on the metric that decides."""

    arm: str
    effect: Interval
    """Challenger minus champion."""
    standing: Standing
    needed: int | None
    """Units of both arms, with a value, for an effect of the smallest size; `None` where it cannot be said."""
    days_left: float | None
    """Until there are so many, at the rate so far."""


@dataclass(frozen=True, slots=True)
class GuardResult:
    """A limit and what a challenger does."""

    arm: str
    metric: GuardrailMetric
    limit: float
    units: int
    share: float | None
    """Of answers: failed, abstained, voted down; or slower than the limit, of which 5% may be."""
    p: float
    """Of "the limit holds", at any time, corrected for all guardrails and challengers."""
    broken: bool


@dataclass(frozen=True, slots=True)
class Result:
    """All that is to be said."""

    arms: list[ArmResult]
    comparisons: list[Comparison]
    guardrails: list[GuardResult]
    pairs: list[Paired]
    """Of shadow mode: both answers to the same question."""
    kinds: dict[str, int]
    """How many units were users, conversations, and single requests."""

    @property
    def units(self) -> int:
        """Of all arms."""
        return sum(self.kinds.values())


def result_of(
    experiment: Experiment,
    store: Store,
    tenant: str | None = None,
    now: datetime | None = None,
    *,
    words: bool = True,
) -> Result:
    """The result so far, of all answers or of one tenant's. Blocking. The pairs of shadow mode, whose words are
    compared, only with `words`.
    """
    measured = measure(experiment, store, tenant)
    shadow = experiment.plan.mode == "shadow"
    return Result(
        arms=[_arm(experiment, arm, values) for arm, values in measured.arms.items()],
        comparisons=[] if shadow else _comparisons(experiment, measured, now or datetime.now(UTC)),
        guardrails=_guardrails(experiment, measured),
        pairs=paired_results(experiment, store, tenant) if shadow and words else [],
        kinds=measured.kinds,
    )


def _arm(experiment: Experiment, arm: str, values: ArmValues) -> ArmResult:
    challenger = experiment.challenger(arm)
    return ArmResult(
        arm=arm,
        recipe=challenger.recipe if challenger else experiment.champion or "",
        share=experiment.share(arm),
        units=values.units,
        answers=values.answers,
        unserved=values.unserved,
        means={metric: _mean(values.metrics.get(metric, ())) for metric in Metric},
        valued=len(values.metrics.get(experiment.plan.metric, ())),
    )


def _comparisons(experiment: Experiment, measured: Measured, now: datetime) -> list[Comparison]:
    return [_comparison(experiment, one, measured, now) for one in experiment.plan.challengers]


def _comparison(
    experiment: Experiment, challenger: Challenger, measured: Measured, now: datetime
) -> Comparison:
    plan = experiment.plan
    tests = len(plan.challengers)
    shares = plan.metric is not Metric.FIRST_TOKEN
    ours, theirs = (
        Sample.of(measured.arms[arm].metrics.get(plan.metric, []), share=shares)
        for arm in (challenger.arm, CHAMPION)
    )
    effect = difference(ours, theirs, plan.smallest, LEVEL / tests)
    mine, other = (
        (experiment.share(arm) if experiment.slices else planned)
        for arm, planned in ((challenger.arm, challenger.final), (CHAMPION, 1 - challenger.final))
    )
    share = mine / (mine + other) if mine + other else 0.0
    needed = units_needed(ours.variance, theirs.variance, share, plan.smallest, LEVEL / tests)
    seen = ours.units + theirs.units
    return Comparison(
        arm=challenger.arm,
        effect=Interval.of(effect, tests, seen=min(ours.units, theirs.units) > 0),
        standing=_standing(experiment, effect),
        needed=needed,
        days_left=_days_left(experiment, seen, needed, now),
    )


def _standing(experiment: Experiment, effect: Effect) -> Standing:
    if experiment.started_at is not None and experiment.counted_from is None:
        return Standing.GROWING
    smallest = experiment.plan.smallest
    if effect.low > 0 or effect.high < 0:
        return Standing.BETTER if (effect.low > 0) == experiment.plan.higher_is_better else Standing.WORSE
    return Standing.ALIKE if -smallest < effect.low and effect.high < smallest else Standing.OPEN


def _days_left(experiment: Experiment, seen: int, needed: int | None, now: datetime) -> float | None:
    if needed is None or experiment.counted_from is None or not seen:
        return None
    days = (now - experiment.counted_from).total_seconds() / 86_400
    return max(0.0, (needed - seen) * days / seen) if days > 0 else None


def _guardrails(experiment: Experiment, measured: Measured) -> list[GuardResult]:
    plan = experiment.plan
    tests = len(plan.guardrails) * len(plan.challengers)
    return [
        _guarded(guard, one.arm, measured.arms[one.arm].guards.get(guard.metric, []), tests)
        for one in plan.challengers
        for guard in plan.guardrails
    ]


def _guarded(guard: Guardrail, arm: str, values: Sequence[float], tests: int) -> GuardResult:
    allowed = _SLOW if guard.metric is GuardrailMetric.P95_LATENCY else guard.limit
    p = 1.0
    if values:
        wealth = float(wealth_above(values, allowed, LEVEL / tests)[-1])
        p = min(1.0, tests / wealth) if wealth > 0 else 1.0
    return GuardResult(
        arm, guard.metric, guard.limit, len(values), _mean(values), p, broken=bool(values) and p <= LEVEL
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
