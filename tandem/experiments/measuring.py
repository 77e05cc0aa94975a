"""What the arms of an experiment came to: one value a unit of each metric, and of each guardrail."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tandem.experiments.assigning import arm_at
from tandem.store import Experiment, GuardrailMetric, Metric, Store, UnitFigures
from tandem.store.experiment_records import UNSERVED

Values = list[float]


@dataclass(slots=True)
class ArmValues:
    """Of one arm. The values of a guardrail are in the order in which the units came."""

    units: int = 0
    answers: int = 0
    unserved: int = 0
    """Answers that the champion gave in its place."""
    metrics: dict[Metric, Values] = field(default_factory=lambda: defaultdict(list))
    guards: dict[GuardrailMetric, Values] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Measured:
    """Of a whole experiment."""

    arms: dict[str, ArmValues]
    kinds: dict[str, int]
    """How many units were a `user`, a `conversation`, a `request`."""


_OF_METRIC: Mapping[Metric, Callable[[UnitFigures], float | None]] = {
    Metric.QUALITY: lambda one: one.quality,
    Metric.ABSTAINED: lambda one: one.abstained,
    Metric.CITED: lambda one: one.cited,
    Metric.FIRST_TOKEN: lambda one: one.first_token_ms,
}
_OF_GUARD: Mapping[GuardrailMetric, Callable[[UnitFigures], float | None]] = {
    GuardrailMetric.P95_LATENCY: lambda one: one.slow,
    GuardrailMetric.FAILED: lambda one: one.failed,
    GuardrailMetric.ABSTAINED: lambda one: one.abstained,
}
_KINDS = {"u": "user", "c": "conversation", "r": "request"}


def measure(experiment: Experiment, store: Store, tenant: str | None = None) -> Measured:
    """What is seen so far, of one tenant's units or of all. Blocking; it reads every answer of the experiment.

    The metrics are of the answers since every challenger has its final share (all answers where that is still to
    come), of units in the arm that they have now; the guardrails are of all answers.
    """
    slow = next(
        (one.limit for one in experiment.plan.guardrails if one.metric is GuardrailMetric.P95_LATENCY), None
    )
    arms = {arm: ArmValues() for arm in ("champion", *(one.arm for one in experiment.plan.challengers))}
    everything = store.experiment_units(experiment.id, slow_ms=slow, tenant=tenant)
    counted = everything
    if experiment.counted_from is not None and experiment.counted_from != experiment.started_at:
        counted = store.experiment_units(experiment.id, since=experiment.counted_from, tenant=tenant)
    _add_guards(arms, everything)
    kinds = _add_metrics(experiment, arms, counted)
    _add_feedback(experiment, arms, {one.unit for one in everything}, store)
    return Measured(arms, kinds)


def _add_guards(arms: Mapping[str, ArmValues], rows: Iterable[UnitFigures]) -> None:
    for row in rows:
        arm = arms.get(row.arm)
        if arm is None:
            if row.arm.endswith(UNSERVED) and (instead := arms.get(row.arm.removesuffix(UNSERVED))):
                instead.unserved += row.answers
            continue
        for guard, value_of in _OF_GUARD.items():
            if (value := value_of(row)) is not None:
                arm.guards[guard].append(float(value))


def _add_metrics(
    experiment: Experiment, arms: Mapping[str, ArmValues], rows: Iterable[UnitFigures]
) -> dict[str, int]:
    kinds: Counter[str] = Counter()
    for row in rows:
        arm = arms.get(row.arm)
        if arm is None or not _stays(experiment, row.arm, row.unit):
            continue
        arm.units += 1
        arm.answers += row.answers
        if row.arm == "champion" or experiment.plan.mode == "split":
            kinds[_KINDS.get(row.unit[:1], "request")] += 1
        for metric, value_of in _OF_METRIC.items():
            if (value := value_of(row)) is not None:
                arm.metrics[metric].append(float(value))
    return dict(kinds)


def _add_feedback(
    experiment: Experiment, arms: Mapping[str, ArmValues], known: set[str], store: Store
) -> None:
    """The share of votes of each unit that are up; of a unit that many share, it is one value all the same."""
    since = experiment.counted_from
    votes: dict[tuple[str, str], Values] = defaultdict(list)
    lately: dict[tuple[str, str], Values] = defaultdict(list)
    for one in store.feedback_of_experiment(experiment.id):
        if one.arm in arms and one.unit in known:
            votes[one.arm, one.unit].append(one.value)
            if since is None or one.at >= since:
                lately[one.arm, one.unit].append(one.value)
    for (arm, _), values in votes.items():
        arms[arm].guards[GuardrailMetric.NEGATIVE_FEEDBACK].append(1 - sum(values) / len(values))
    for (arm, unit), values in lately.items():
        if _stays(experiment, arm, unit):
            arms[arm].metrics[Metric.FEEDBACK].append(sum(values) / len(values))


def _stays(experiment: Experiment, arm: str, unit: str) -> bool:
    """Whether the unit is in that arm still: one that has moved to a challenger counts there alone."""
    return experiment.plan.mode == "shadow" or arm_at(experiment.slices, unit) == arm
