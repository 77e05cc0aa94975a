"""What a window of answers comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, sum, and sum of squares of some values: all that a mean and its interval need."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The median and the 95th percentile (nearest rank) of `n` durations in milliseconds."""

    n: int = 0
    p50: float | None = None
    p95: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of the answers in a window that somebody saw. `recipe` is `NAME@VERSION`, or empty for all of them."""

    recipe: str = ""
    answers: int = 0
    """Of every outcome."""
    abstained: int = 0
    degraded: int = 0
    failed: int = 0
    searched: int = 0
    """Those for which passages were looked for, and `empty`, those of them that found none."""
    empty: int = 0
    cached: int = 0
    outside: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    first_token: Quantiles = Quantiles()
    total: Quantiles = Quantiles()
    cited: Moments = Moments()
    quality: Moments = Moments()
    quality_proven: int = 0
    """Of `quality.n`, those scores that come from a judge above its floor."""
    liked: int = 0
    disliked: int = 0

    @property
    def answered(self) -> int:
        """Answers that are neither "I don't know" nor passages alone nor failed."""
        return self.answers - self.abstained - self.degraded - self.failed
