"""What a rule can watch: how it is read from figures, and which way is worse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from tandem.monitoring.figures import Figures, Moments, Quantiles
from tandem.monitoring.intervals import Estimate, mean, share

MeasureName = Literal[
    "abstained_share",
    "failed_share",
    "degraded_share",
    "empty_share",
    "disliked_share",
    "quality_mean",
    "cited_mean",
    "first_token_p95_ms",
    "tokens_per_hour",
    "drift_alarms",
]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a window. Exactly one of the three ways to read it is set; none for `drift_alarms`."""

    name: MeasureName
    title: str
    """For people."""
    worse: Literal["above", "below"]
    share: Callable[[Figures], tuple[int, int]] | None = None
    """How many of how many."""
    moments: Callable[[Figures], Moments] | None = None
    quantiles: Callable[[Figures], Quantiles] | None = None
    unit: Literal["share", "score", "ms", "tokens/h", "alarms"] = "share"

    @property
    def comparable(self) -> bool:
        """Whether a champion can be compared by it with the one before."""
        return self.share is not None or self.moments is not None or self.quantiles is not None

    def estimate(self, figures: Figures, window_s: float) -> Estimate | None:
        """The value with its 95% interval; `None` of nothing. Percentiles and rates have no interval."""
        if self.share is not None:
            return share(*self.share(figures))
        if self.moments is not None:
            return mean(self.moments(figures))
        if self.quantiles is not None:
            found = self.quantiles(figures)
            return None if found.p95 is None else Estimate(found.p95, None, None, found.n)
        if self.name == "tokens_per_hour":
            tokens = figures.tokens_in + figures.tokens_out
            return Estimate(tokens * 3600 / window_s, None, None, figures.answers)
        return None


_ALL = (
    Measure(
        "abstained_share", "answers that say “I don't know”", "above", lambda f: (f.abstained, f.answers)
    ),
    Measure("failed_share", "answers that failed", "above", lambda f: (f.failed, f.answers)),
    Measure("degraded_share", "answers of passages alone", "above", lambda f: (f.degraded, f.answers)),
    Measure("empty_share", "searches that found nothing", "above", lambda f: (f.empty, f.searched)),
    Measure(
        "disliked_share", "votes that are against", "above", lambda f: (f.disliked, f.liked + f.disliked)
    ),
    Measure("quality_mean", "mean sampled quality", "below", moments=lambda f: f.quality, unit="score"),
    Measure("cited_mean", "mean cited share of answers", "below", moments=lambda f: f.cited, unit="score"),
    Measure(
        "first_token_p95_ms",
        "95th percentile of the time to the first token",
        "above",
        quantiles=lambda f: f.first_token,
        unit="ms",
    ),
    Measure("tokens_per_hour", "tokens read and written in an hour", "above", unit="tokens/h"),
    Measure("drift_alarms", "drift alarms", "above", unit="alarms"),
)
MEASURES: Mapping[str, Measure] = {one.name: one for one in _ALL}
