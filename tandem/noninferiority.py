"""Whether something new may take the place of what serves: it need not be better, but must be shown not to be worse."""

from collections.abc import Iterable
from enum import StrEnum

from tandem.resampling import Estimate


class Standing(StrEnum):
    """What the interval of a difference says of a loss that is tolerated."""

    PASS = "pass"  # noqa: S105 - a verdict, not a secret
    """A larger loss is ruled out."""
    WORSE = "worse"
    """It is shown to lose, and more than is tolerated by the best estimate."""
    CANNOT_TELL = "cannot tell"
    """Neither: there are too few cases."""


def standing(gain: Estimate, tolerance: float) -> Standing:
    """What becomes of a candidate by its gain over the baseline, negative for a loss, and the loss that is tolerated.

    It passes as in trials of non-inferiority, where the whole 95% interval lies at `-tolerance` or above: a false
    pass then has a chance of 2.5% (Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority, 2010,
    chapter 1). It is worse where the interval lies below zero and its mean below `-tolerance`.
    """
    if gain.low >= -tolerance:
        return Standing.PASS
    return Standing.WORSE if gain.high < 0 and gain.mean < -tolerance else Standing.CANNOT_TELL


def overall(standings: Iterable[Standing]) -> Standing:
    """Of several measures that must all pass: worse if one is, else undecided if one is.

    No correction for their number: that all pass by chance is rarer than that one does (Berger, Multiparameter
    Hypothesis Testing and Acceptance Sampling, Technometrics 1982).
    """
    found = set(standings)
    if Standing.WORSE in found:
        return Standing.WORSE
    return Standing.CANNOT_TELL if Standing.CANNOT_TELL in found else Standing.PASS
