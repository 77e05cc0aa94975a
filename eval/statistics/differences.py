"""Which of two arms is better on the same cases, or why that cannot be said."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from eval.comparison import Difference, Interval
from eval.measure import Measure, Scores
from eval.statistics.correction import holm
from eval.statistics.intervals import paired_interval, unit_spread
from eval.statistics.pairs import Pairs, paired
from eval.statistics.power import LEVEL, cases_needed, detectable_difference
from eval.statistics.sign_flip import sign_flip
from tandem.resampling import Estimate

Correct = Callable[[Sequence[float]], list[float]]
_SHARES = ("share", "score")
"""Units that lie in [0, 1]."""
SMALLEST = 0.05
"""The smallest difference that matters: 5 points of a share, or 5% of the other arm's mean of anything else."""


@dataclass(frozen=True, slots=True)
class Family:
    """One measure of every arm, and the cases that it is compared on."""

    scores_by_arm: Mapping[str, Scores]
    slice: str | None = None
    """Tag of the cases; all where there is none."""
    only: Collection[str] | None = None
    """Ids of the cases; all that have a value where there is none."""


@dataclass(frozen=True, slots=True)
class _Compared:
    """One pair of arms, before it is known what else was compared."""

    measure: Measure
    one: str
    other: str
    slice: str | None
    pairs: Pairs
    estimate: Estimate
    p_value: float
    detectable: float
    needed: int
    smallest: float


def differences(
    scores_by_arm: Mapping[str, Scores],
    pairs: Sequence[tuple[str, str]],
    *,
    clusters: Mapping[str, str] | None = None,
    slice: str | None = None,  # noqa: A002 - the field's name
    only: Collection[str] | None = None,
    smallest: float = SMALLEST,
    seed: int = 0,
    correct: Correct = holm,
) -> list[Difference]:
    """The first arm less the second, of each pair; all pairs are one family of comparisons.

    `clusters` names the group of each case, as `clusters_of` gives it from the documents that cases name: pass it
    always, since cases of one document are right or wrong together. A winner is named only where the adjusted
    p-value is below 5% and the 95% interval excludes zero. Else it is "too few" where so many cases would miss a
    difference as large as `smallest` (5 points of a share; of seconds and the like, 5% of the second arm's mean).
    Only cases that both arms have a value for are compared; where those that failed could turn the verdict, it is
    "too few". A pair with fewer than two such cases is left out, as is a measure of which neither end is better.
    Raises `KeyError` for an arm that has no scores.
    """
    family = Family(scores_by_arm, slice, only)
    return differences_of([family], pairs, clusters=clusters, smallest=smallest, seed=seed, correct=correct)


def differences_of(
    measures: Sequence[Family],
    pairs: Sequence[tuple[str, str]],
    *,
    clusters: Mapping[str, str] | None = None,
    smallest: float = SMALLEST,
    seed: int = 0,
    correct: Correct = holm,
) -> list[Difference]:
    """As `differences`, for several measures or slices that are looked at together: they are one family.

    `correct` is `holm` or, for looking around among many, `benjamini_hochberg`.
    """
    compared = [
        found
        for family in measures
        for one, other in pairs
        if (found := _compared(family, one, other, clusters, smallest, seed)) is not None
    ]
    p_values = [each.p_value for each in compared]
    adjusted = correct(p_values) if p_values else []
    made = []
    for place, (each, p_adjusted) in enumerate(zip(compared, adjusted, strict=True)):

        def corrected(p_value: float, place: int = place) -> float:
            """What becomes of another p-value at this place."""
            return correct([*p_values[:place], p_value, *p_values[place + 1 :]])[place]

        made.append(_difference(each, p_adjusted, corrected, seed))
    return made


def _compared(
    family: Family,
    one: str,
    other: str,
    clusters: Mapping[str, str] | None,
    smallest: float,
    seed: int,
) -> _Compared | None:
    scores = family.scores_by_arm[one], family.scores_by_arm[other]
    measure = scores[0].measure
    pairs = paired(*scores, clusters=clusters, only=family.only)
    if measure.better == "neither" or len(pairs.units) < 2:
        return None
    values = pairs.differences
    shares = measure.unit in _SHARES
    spread, units = unit_spread(values, pairs.groups, shares=shares)
    matters = smallest if shares else smallest * abs(pairs.mean_of_other)
    needed = cases_needed(matters, spread) if matters else 0
    return _Compared(
        measure,
        one,
        other,
        family.slice,
        pairs,
        paired_interval(values, pairs.groups, shares=shares, seed=seed),
        sign_flip(values, pairs.groups, seed=seed),
        detectable_difference(spread, units),
        round(needed * len(values) / units),
        matters,
    )


def _difference(
    each: _Compared, p_adjusted: float, corrected: Callable[[float], float], seed: int
) -> Difference:
    shown = _shown(each.estimate, p_adjusted)
    doubtful = shown and _could_turn(each, corrected, seed)
    if shown and not doubtful:
        higher = each.estimate.mean > 0
        verdict = "better" if higher == (each.measure.better == "higher") else "worse"
    else:
        verdict = "too few" if doubtful or each.detectable > each.smallest else "no difference seen"
    return Difference(
        measure=each.measure.name,
        one=each.one,
        other=each.other,
        slice=each.slice,
        estimate=Interval(mean=each.estimate.mean, low=each.estimate.low, high=each.estimate.high),
        cases=len(each.pairs.differences),
        failed=len(each.pairs.failed),
        clusters=len(each.pairs.units) if each.pairs.groups is not None else None,
        p_value=each.p_value,
        p_adjusted=p_adjusted,
        detectable=each.detectable,
        needed=each.needed,
        doubtful=doubtful,
        verdict=verdict,
    )


def _shown(estimate: Estimate, p_adjusted: float) -> bool:
    return p_adjusted < LEVEL and not estimate.low <= 0 <= estimate.high


def _could_turn(each: _Compared, corrected: Callable[[float], float], seed: int) -> bool:
    """Whether it is shown no more if every failed case speaks against it as much as it can."""
    if not each.pairs.failed or each.measure.unit not in _SHARES:
        return False
    values, groups = each.pairs.with_failed(against=each.estimate.mean)
    estimate = paired_interval(values, groups, shares=True, seed=seed)
    turned = estimate.mean * each.estimate.mean <= 0
    return turned or not _shown(estimate, corrected(sign_flip(values, groups, seed=seed)))
