"""What a rule finds when it looks."""

from dataclasses import dataclass

from tandem.monitoring.figures import Figures
from tandem.monitoring.intervals import Estimate, mean_difference, share_difference
from tandem.monitoring.measures import MEASURES
from tandem.monitoring.rule import AlertRule


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule's value for one subject at one moment."""

    subject: str
    """What it is of: the label of a recipe, the id of an experiment, or `all`."""
    crossed: bool | None
    """Whether it is too much; `None` where that cannot be told yet."""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    answers: int = 0
    limit: float | None = None
    """What it was held against: the threshold, or the value before with what is tolerated."""
    before: float | None = None
    before_answers: int = 0
    proven: bool = True
    """Whether an intervention may rest on it: false for scores of a judge that is under its floor."""


def read(
    rule: AlertRule, subject: str, now: Figures, before: Figures | None, drift_alarms: int = 0
) -> Reading:
    """The reading of a rule. `before` is what `worse_by` compares with; without it nothing is concluded.

    With fewer than `rule.least` values, now or before, nothing is concluded either.
    """
    measure = MEASURES[rule.metric]
    if measure.name == "drift_alarms":
        found: Estimate | None = Estimate(drift_alarms, None, None, drift_alarms)
    else:
        found = measure.estimate(now, rule.window_s)
    proven = measure.name != "quality_mean" or now.quality_proven == now.quality.n > 0
    if found is None:
        return Reading(subject, None, proven=proven)
    if rule.worse_by is not None:
        return _compared(rule, subject, found, now, before, proven)
    limit = rule.above if rule.above is not None else rule.below
    over = found.value > rule.above if rule.above is not None else found.value < (rule.below or 0.0)
    enough = measure.name == "drift_alarms" or found.n >= rule.least
    return Reading(
        subject, over if enough else None, found.value, found.low, found.high, found.n, limit, proven=proven
    )


def _compared(
    rule: AlertRule, subject: str, found: Estimate, now: Figures, before: Figures | None, proven: bool
) -> Reading:
    measure = MEASURES[rule.metric]
    known = measure.estimate(before, rule.window_s) if before is not None else None
    reading = Reading(subject, None, found.value, found.low, found.high, found.n, proven=proven)
    if before is None or known is None:
        return reading
    by = rule.worse_by or 0.0
    sign = 1 if measure.worse == "above" else -1
    tolerated = by * known.value if measure.quantiles is not None else by
    limit = known.value + sign * tolerated
    crossed: bool | None = None
    if min(found.n, known.n) >= rule.least:
        crossed = sign * (found.value - limit) >= 0 and _no_doubt(rule, now, before, sign)
    return Reading(
        subject,
        crossed,
        found.value,
        found.low,
        found.high,
        found.n,
        limit,
        known.value,
        known.n,
        proven=proven,
    )


def _no_doubt(rule: AlertRule, now: Figures, before: Figures, sign: int) -> bool:
    """Whether the interval of the difference lies wholly on the worse side; percentiles have none."""
    measure = MEASURES[rule.metric]
    if measure.share is not None:
        difference = share_difference(measure.share(now), measure.share(before))
    elif measure.moments is not None:
        difference = mean_difference(measure.moments(now), measure.moments(before))
    else:
        return True
    if difference is None or difference.low is None or difference.high is None:
        return False
    return difference.low > 0 if sign > 0 else difference.high < 0
