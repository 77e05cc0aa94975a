"""One look: every series of the newest answers beside the reference, each by the test that suits it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from server.drift.distance import to_all
from server.drift.sample import Sample
from server.drift.two_sample import Compared, alarms, fisher, kolmogorov_smirnov, mean_discrepancy, tail
from tandem.settings import DriftSettings

FEWEST = 20
"""Values of each sample, below which a series is not compared."""
_SEED = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look finds in one series."""

    series: str
    compared: Compared
    threshold: float
    before: float | None
    now: float | None

    @property
    def alarm(self) -> bool:
        """Whether the series has changed."""
        return self.compared.p_value <= self.threshold


def level_of(settings: DriftSettings) -> float:
    """The chance of a false alarm at one look, all series together.

    Looks overlap, for each answer is in `looks` of them, so they depend on each other, and all of them on the one
    reference. The expected number of looks that alarm falsely is the sum of their chances all the same: for each
    `window` of answers, `looks` times this level, which is `alarms`. Nothing is looked at in between, or until
    something is found.
    """
    return settings.alarms / settings.looks


def compare(reference: Sample, window: Sample, level: float) -> list[Finding]:
    """Every series that both samples have enough of. All of them together alarm falsely with a chance of at most
    `level`.
    """
    # With threads of its own the same work takes five times the processor, and answers wait for it.
    with threadpool_limits(1, user_api="blas"):
        found = dict(_compared(reference, window, level))
    thresholds = alarms({series: one.p_value for series, one in found.items()}, level)
    return [
        Finding(series, one, thresholds[series], _mean(reference, series), _mean(window, series))
        for series, one in found.items()
    ]


def _compared(reference: Sample, window: Sample, level: float) -> Iterator[tuple[str, Compared]]:
    if min(len(reference.vectors), len(window.vectors)) >= FEWEST:
        # A sixth of the level is what the most distinct of six series has to be compared with.
        yield "questions", mean_discrepancy(reference.vectors, window.vectors, level / 6, _SEED)
    if len(reference.vectors) >= 2 * FEWEST and len(window.vectors) >= FEWEST:
        yield "novelty", _novelty(reference, window)
    for series, before in reference.scalars.items():
        now = window.scalars[series]
        if min(len(before), len(now)) >= FEWEST:
            yield series, fisher(before, now) if series == "abstained" else kolmogorov_smirnov(before, now)


def _novelty(reference: Sample, window: Sample) -> Compared:
    """Whether more of the questions than of the reference's second half are far from its first half and the corpus.

    The second half stands for what is usual: it has seen as little of the first as the window has.
    """
    # Every other one, or a day of the week would be all known and the next all usual.
    known = reference.vectors[::2]
    usual = to_all(reference.vectors[1::2], known, reference.similarity[1::2], reference.evidence[1::2])
    now = to_all(window.vectors, known, window.similarity, window.evidence)
    return tail(usual, now)


def _mean(sample: Sample, series: str) -> float | None:
    values = sample.scalars.get(series)
    return float(np.mean(values)) if values else None
