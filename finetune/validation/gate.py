"""Whether a candidate may take the place of what serves now."""

from collections.abc import Sequence
from dataclasses import dataclass

from finetune.validation.measures import compare, measure
from finetune.validation.outcome import Outcome
from tandem.noninferiority import Standing, standing
from tandem.resampling import Estimate


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much worse a candidate may be. All are shares, in [0, 1]."""

    f1: float = 0.02
    """F1 that may be lost. The interval of the difference must lie above this loss: few questions promote nothing."""
    unknown: float = 0.05
    """By how much "I don't know." may become more frequent where there is an answer, or rarer where there is none."""
    most_unknown_answerable: float | None = None
    """Whatever serves now: most "I don't know." where there is an answer."""
    least_unknown_unanswerable: float | None = None
    """Whatever serves now: least "I don't know." where there is none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, with each of its reasons for people to read."""

    promoted: bool
    reasons: tuple[str, ...]
    f1: Estimate
    """Of the candidate less the baseline."""


def gate(candidate: Sequence[Outcome], baseline: Sequence[Outcome], bounds: Bounds) -> Verdict:
    """Promoted where F1 is not inferior and abstention keeps within its bounds, over the same questions.

    F1 is tested as `tandem.noninferiority` says, on the paired 95% interval (see `tandem.resampling`). Raises `ValueError` where the questions are not the same, or none of
    them has an answer.
    """
    differences = compare(candidate, baseline)
    ours, theirs = measure(candidate), measure(baseline)
    f1 = differences.f1
    if f1 is None or ours.unknown_answerable is None or theirs.unknown_answerable is None:
        raise ValueError("a gate needs questions that have an answer")
    checks = [
        (
            standing(f1, bounds.f1) is Standing.PASS,
            f"F1 differs by {_points(f1.mean)} points, at least {_points(f1.low)} with 95% confidence; "
            f"allowed: {_points(-bounds.f1)}",
        ),
        _at_most(ours.unknown_answerable.mean, theirs.unknown_answerable.mean, bounds),
    ]
    if ours.unknown_unanswerable is not None and theirs.unknown_unanswerable is not None:
        checks.append(_at_least(ours.unknown_unanswerable.mean, theirs.unknown_unanswerable.mean, bounds))
    reasons = tuple(f"{'ok' if passed else 'FAILS'}: {reason}" for passed, reason in checks)
    return Verdict(all(passed for passed, _ in checks), reasons, f1)


def _at_most(ours: float, theirs: float, bounds: Bounds) -> tuple[bool, str]:
    most = bounds.most_unknown_answerable
    limit = theirs + bounds.unknown if most is None else most
    return ours <= limit, f'"I don\'t know." to {ours:.1%} of the answerable questions; at most {limit:.1%}'


def _at_least(ours: float, theirs: float, bounds: Bounds) -> tuple[bool, str]:
    least = bounds.least_unknown_unanswerable
    limit = theirs - bounds.unknown if least is None else least
    return (
        ours >= limit,
        f'"I don\'t know." to {ours:.1%} of the unanswerable questions; at least {limit:.1%}',
    )


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
