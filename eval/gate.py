"""Whether a candidate may take the place of a baseline, by what both answered to the same questions."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from eval.case import EvalCase
from eval.comparison import Interval
from eval.measure import Measure, Scores, Unit
from eval.statistics import cases_needed, detectable_difference, paired_interval, unit_spread
from eval.statistics.pairs import Pairs, paired
from tandem.errors import InvalidRequestError
from tandem.noninferiority import Standing, overall, standing
from tandem.resampling import Estimate

_SHARES = ("share", "score")


class GateCheck(BaseModel):
    """One measure of the gate."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    measure: str
    title: str
    unit: Unit
    standing: Standing
    tolerance: float
    """By how much the candidate may be worse, in the measure's unit."""
    baseline: float | None
    """Mean over the cases that both have a value for; `None` for fewer than two, as are the next two."""
    candidate: float | None
    difference: Interval | None
    """Candidate less baseline, with its 95% interval."""
    lower_is_better: bool = False
    cases: int
    failed: int = 0
    """Cases that both should have a value for, and one has not."""
    clusters: int | None = None
    """Groups of cases that hang together; `None` where cases are independent."""
    doubtful: bool = False
    """Whether it cannot be told only because of the failed cases."""
    needed: int | None = None
    """Questions with which a candidate that is just as good passes in 80 of 100 gates; `None` where no number does."""
    tellable: float | None = None
    """The tolerance with which so many questions let a candidate that is just as good pass in 80 of 100 gates."""


class GateResult(BaseModel):
    """The decision, with all that it stands on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    standing: Standing
    baseline: str
    """`NAME@VERSION`, as is the next."""
    candidate: str
    eval_set: str
    """`NAME@NUMBER`."""
    run: str
    """Id of the run that asked, for `tandem eval`."""
    checks: tuple[GateCheck, ...]
    warnings: tuple[str, ...] = ()

    @property
    def needed(self) -> int | None:
        """Questions that it takes where it cannot be told; `None` where it can, or no number is enough."""
        open_ones = [one.needed for one in self.checks if one.standing is Standing.CANNOT_TELL]
        return max((one for one in open_ones if one is not None), default=None)


def usual_tolerances(cases: Sequence[EvalCase], *, without: bool) -> dict[str, float]:
    """What a gate looks at where nothing is named: 2 points of F1, or of accuracy where the set asks for classes;
    5 points of "I don't know.", where there is an answer and where there is none.

    `without` tells whether questions are asked with their documents left out, too.
    """
    answerable = [case for case in cases if case.answerable]
    found = {}
    if any(case.label is not None for case in answerable):
        found["accuracy"] = 0.02
    elif any(case.references for case in answerable):
        found["token_f1"] = 0.02
    if answerable:
        found["unknown_answerable"] = 0.05
    asked_without = without and any(case.documents and not case.elsewhere for case in answerable)
    if asked_without or len(answerable) < len(cases):
        found["unknown_unanswerable"] = 0.05
    return found


def check_measures(
    candidate: Mapping[str, Scores],
    baseline: Mapping[str, Scores],
    tolerances: Mapping[str, float],
    clusters: Mapping[str, str] | None = None,
) -> tuple[GateCheck, ...]:
    """One check for each measure of `tolerances`, by the scores of both by measure.

    A tolerance is a share for shares and scores, and for seconds, tokens and counts a share of the baseline's mean.
    `clusters` are those of `eval.statistics.clusters_of`. Raises `InvalidRequestError` for a measure that no case has
    a value of, or of which neither more nor less is better.
    """
    checks = []
    for name, tolerance in tolerances.items():
        ours, theirs = candidate.get(name), baseline.get(name)
        if ours is None or theirs is None or not (ours.wanted and theirs.wanted):
            raise InvalidRequestError(
                f"{name} has no value for {'the candidate' if ours is None or not ours.wanted else 'the baseline'}",
                param="tolerance",
                hint=_why_not(ours, theirs),
            )
        if ours.measure.better == "neither":
            raise InvalidRequestError(
                f"Of {name}, neither more nor less is better: a gate cannot decide by it", param="tolerance"
            )
        checks.append(_check(ours.measure, paired(ours, theirs, clusters=clusters), tolerance))
    return tuple(checks)


def standing_of(checks: Iterable[GateCheck]) -> Standing:
    """Of all checks together."""
    return overall(one.standing for one in checks)


def _check(measure: Measure, pairs: Pairs, tolerance: float) -> GateCheck:
    shares, lower = measure.unit in _SHARES, measure.better == "lower"
    facts = {
        "measure": measure.name,
        "title": measure.title,
        "unit": measure.unit,
        "lower_is_better": lower,
        "cases": len(pairs.cases),
        "failed": len(pairs.failed),
        "clusters": len(pairs.units) if pairs.groups is not None else None,
    }
    if len(pairs.units) < 2:
        return GateCheck(
            **facts,
            standing=Standing.CANNOT_TELL,
            tolerance=tolerance,
            baseline=None,
            candidate=None,
            difference=None,
        )
    values = pairs.differences
    found = paired_interval(values, pairs.groups, shares=shares)
    allowed = tolerance if shares else tolerance * abs(pairs.mean_of_other)
    first = standing(_gain(found, lower=lower), allowed)
    settled = _after_failures(first, pairs, allowed, lower=lower) if shares and pairs.failed else first
    spread, units = unit_spread(values, pairs.groups, shares=shares)
    return GateCheck(
        **facts,
        standing=settled,
        tolerance=allowed,
        baseline=pairs.mean_of_other,
        candidate=sum(pairs.one) / len(pairs.one),
        difference=Interval(mean=found.mean, low=found.low, high=found.high),
        doubtful=settled is not first,
        needed=round(cases_needed(allowed, spread) * len(values) / units) if allowed > 0 else None,
        tellable=detectable_difference(spread, units),
    )


def _gain(difference: Estimate, *, lower: bool) -> Estimate:
    return Estimate(-difference.mean, -difference.high, -difference.low) if lower else difference


def _after_failures(first: Standing, pairs: Pairs, tolerance: float, *, lower: bool) -> Standing:
    """The same if the failed cases cannot turn it, each as far on the other side as it can be; else undecided."""
    if first is Standing.CANNOT_TELL:
        return first
    sign = (1.0 if first is Standing.PASS else -1.0) * (-1.0 if lower else 1.0)
    values, groups = pairs.with_failed(against=sign)
    turned = standing(_gain(paired_interval(values, groups, shares=True), lower=lower), tolerance)
    return first if turned is first else Standing.CANNOT_TELL


def _why_not(ours: Scores | None, theirs: Scores | None) -> str:
    passed_over = [why for one in (ours, theirs) if one is not None for why in one.passed_over.values()]
    if not passed_over:
        return "`tandem eval measures` lists the measures, with what each needs."
    return f"Most often because of: {max(set(passed_over), key=passed_over.count)}."
