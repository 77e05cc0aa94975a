"""What the store hands out of experiments."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

CHAMPION = "champion"
"""The arm of the recipe that served when the experiment was started."""
UNSERVED = ":unserved"
"""Ends the arm of an answer that the champion gave because the challenger of that name could not be asked."""


class ExperimentState(StrEnum):
    """Where an experiment is in its life; the last two are for good."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"
    DECIDED = "decided"


class Metric(StrEnum):
    """What an experiment decides by: one value of each unit, the mean over its answers."""

    FEEDBACK = "feedback"
    QUALITY = "quality"
    ABSTAINED = "abstained"
    CITED = "cited"
    FIRST_TOKEN = "first_token_ms"  # noqa: S105 - a time


class GuardrailMetric(StrEnum):
    """What a challenger must not do too much of."""

    P95_LATENCY = "p95_latency_ms"
    FAILED = "failed"
    ABSTAINED = "abstained"
    NEGATIVE_FEEDBACK = "negative_feedback"


@dataclass(frozen=True, slots=True)
class Challenger:
    """A recipe, held at a version, and how much of the traffic it gets."""

    arm: str
    recipe: str
    """`NAME@VERSION`."""
    share: float
    """Of the units, when the experiment starts."""
    final: float
    """The share from which on it is decided by what is seen; before that only guardrails are."""


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A limit: milliseconds that 95 of 100 answers are within, or a share in [0, 1)."""

    metric: GuardrailMetric
    limit: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What an experiment is; nothing of it changes once it is written down."""

    mode: Literal["split", "shadow"]
    """Whether users get the challengers' answers, or nobody does."""
    challengers: tuple[Challenger, ...]
    unit: Literal["user", "conversation", "request"]
    metric: Metric
    higher_is_better: bool
    smallest: float
    """Effect on the metric that matters, in its own unit."""
    tenants: tuple[str, ...] | None = None
    """Whose questions; everybody's when `None`."""
    corpora: tuple[str, ...] | None = None
    """Questions that search some of these alone; all questions when `None`."""
    guardrails: tuple[Guardrail, ...] = ()
    promotes: bool = False
    """Whether a winner becomes the champion by itself."""
    max_days: float = 28.0
    max_units: int | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of the places, of 10,000, that units are hashed to: the units in it get this arm."""

    start: int
    end: int
    arm: str


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment and what has become of it."""

    id: str
    name: str
    plan: Plan
    state: ExperimentState
    tenant: str
    """Of whoever wrote it down; it is about the tenants of its plan."""
    author: str
    created_at: datetime
    slices: tuple[Slice, ...] = ()
    """Which units get a challenger; all others get the champion."""
    champion: str | None = None
    """`NAME@VERSION` of the arm `champion`; `None` before the start."""
    served: str | None = None
    """What the champion was called then, which a promotion expects to find."""
    started_at: datetime | None = None
    counted_from: datetime | None = None
    """Since when every challenger has its final share; `None` before that."""
    ended_at: datetime | None = None
    why: str = ""
    winner: str | None = None
    """An arm."""
    promoted_at: datetime | None = None
    promotion_fault: str = ""
    dropped: int = 0
    """Shadow answers that were not made because there were too many to make."""

    def challenger(self, arm: str) -> Challenger | None:
        """The one of this arm."""
        return next((one for one in self.plan.challengers if one.arm == arm), None)

    def share(self, arm: str) -> float:
        """Of the units that get this arm now."""
        taken = {one.arm: 0 for one in self.plan.challengers}
        for piece in self.slices:
            taken[piece.arm] += piece.end - piece.start
        places = 10_000 - sum(taken.values()) if arm == CHAMPION else taken.get(arm, 0)
        return places / 10_000


@dataclass(frozen=True, slots=True)
class UnitFigures:
    """What one unit saw in one arm: means over its answers, `None` where there was nothing to take one of."""

    arm: str
    unit: str
    first_at: datetime
    answers: int
    failed: float
    abstained: float | None
    slow: float | None
    """Share of its answers that took longer than the limit."""
    cited: float | None
    quality: float | None
    first_token_ms: float | None


@dataclass(frozen=True, slots=True)
class ShadowSide:
    """One of the two answers to a question in shadow mode, in figures."""

    recipe: str
    outcome: str
    total_ms: float
    first_token_ms: float | None
    answer_chars: int
    citations: int
    cited: float | None
    quality: float | None
    cached: bool


@dataclass(frozen=True, slots=True)
class ShadowPair:
    """Both answers to a question: the champion's, which was shown, and the challenger's, which was not.

    The words are `None` where they were not asked for or are kept no longer.
    """

    trace_id: str
    """Of the answer that was shown."""
    tenant: str
    at: datetime
    arm: str
    unit: str
    shown: ShadowSide
    shadow: ShadowSide
    question: str | None = field(default=None, repr=False)
    shown_text: str | None = field(default=None, repr=False)
    shadow_text: str | None = field(default=None, repr=False)
