"""When an experiment ends by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tandem.experiments.results import Comparison, GuardResult, Result, Standing
from tandem.store import Experiment, ExperimentState, GuardrailMetric


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ends, and who has won, if anybody has."""

    state: ExperimentState
    why: str
    winner: str | None = None


def ending_of(experiment: Experiment, result: Result, now: datetime) -> Ending | None:
    """The first that holds: a guardrail is broken, the test has decided, or it has run as long as it may."""
    for guard in result.guardrails:
        if guard.broken:
            return Ending(ExperimentState.STOPPED, _broken(guard))
    return _decided(experiment, result) or _run_out(experiment, result, now)


def _decided(experiment: Experiment, result: Result) -> Ending | None:
    """A challenger that is better wins, the best of several; where none can be any more, the champion stays."""
    sign = 1 if experiment.plan.higher_is_better else -1
    better = [one for one in result.comparisons if one.standing is Standing.BETTER]
    if better:
        best = max(better, key=lambda one: sign * (one.effect.estimate or 0.0))
        return Ending(ExperimentState.DECIDED, _said(experiment, best), best.arm)
    over = (Standing.WORSE, Standing.ALIKE)
    if result.comparisons and all(one.standing in over for one in result.comparisons):
        return Ending(
            ExperimentState.DECIDED, "; ".join(_said(experiment, one) for one in result.comparisons)
        )
    return None


def _run_out(experiment: Experiment, result: Result, now: datetime) -> Ending | None:
    plan = experiment.plan
    if experiment.started_at is not None and now - experiment.started_at >= timedelta(days=plan.max_days):
        return Ending(ExperimentState.STOPPED, f"Undecided after its longest time, {plan.max_days:g} days")
    if plan.max_units is not None and result.units >= plan.max_units:
        return Ending(ExperimentState.STOPPED, f"Undecided after its most units, {plan.max_units:,}")
    return None


def _said(experiment: Experiment, one: Comparison) -> str:
    effect = one.effect
    low, high = (f"{end:+.3g}" if end is not None else "?" for end in (effect.low, effect.high))
    gap = f"{effect.estimate:+.3g}" if effect.estimate is not None else "?"
    metric = experiment.plan.metric.value
    return f"{one.arm} is {one.standing.value}: {metric} {gap} (from {low} to {high}), p = {effect.p:.2g}"


def _broken(guard: GuardResult) -> str:
    share = f"{guard.share:.1%}" if guard.share is not None else "?"
    if guard.metric is GuardrailMetric.P95_LATENCY:
        what = f"{share} of its answers took more than {guard.limit:g} ms, where 5% may"
    else:
        what = f"{guard.metric.value} is {share}, over the limit of {guard.limit:.1%}"
    return f"Guardrail broken by {guard.arm}: {what} ({guard.units} units, p = {guard.p:.2g})"
