"""What the store hands out of drift, and of questions from outside the domain."""

from dataclasses import dataclass, field
from datetime import datetime

EVERYBODY = ""
"""Stands in a tenant's place where the answers of all are watched together."""


@dataclass(frozen=True, slots=True)
class QuestionVector:
    """The vector of a question, without its words."""

    trace_id: str
    tenant: str
    at: datetime
    embedder: str
    """Fingerprint of the embedder: vectors of two embedders cannot be compared."""
    vector: bytes
    """float16, little-endian, of length 1."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place among the answers, in the order in which they came."""

    at: datetime
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class DriftReference:
    """What a tenant's answers are compared with. It fills by itself until `complete_at`."""

    tenant: str
    """`EVERYBODY` for the answers of all."""
    since: datetime
    until: datetime | None
    """Its answers are from `since` on and before `until`; where that is `None`, the first `wanted`."""
    wanted: int
    source: str
    """For people: which answers, or the eval set."""
    author: str
    set_at: datetime
    complete_at: datetime | None = None
    answers: int = 0
    embedder: str = ""
    series: dict[str, list[float]] = field(default_factory=dict)
    """Values of each series; one that was not there in the reference cannot be watched."""
    vectors: bytes = b""
    """float16, shape (any, dimension), of the embedder."""
    place: Place | None = None
    """The newest answer that was looked at; none is older than `start`."""
    start: Place | None = None
    """After it, answers are no longer the reference's."""
    looks: int = 0


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One look at one series: the newest answers beside the reference."""

    id: str
    tenant: str
    """`EVERYBODY` for the answers of all."""
    at: datetime
    series: str
    """`questions` (their vectors), `similarity`, `evidence`, `answer_chars` or `abstained`."""
    method: str
    statistic: float
    p_value: float
    threshold: float
    """The p-value at or below which this series alarms at this look, after every correction."""
    alarm: bool
    before: float | None
    """Mean in the reference and, as `now`, in the window; `None` for vectors."""
    now: float | None
    reference_size: int
    window_size: int
    since: datetime
    until: datetime
    """Of the first and the last answer of the window."""
    examples: tuple[str, ...] = ()
    """Ids of traces whose questions are typical of what is new, the most typical first; of one tenant only."""


@dataclass(frozen=True, slots=True)
class OutsideCalibration:
    """From which distance on a question of a tenant is called outside of the domain."""

    tenant: str
    number: int
    """Counted from 1 for each tenant."""
    embedder: str
    false_alarms: float
    """Share of the domain's own questions that may be called outside."""
    questions: int
    """How many it was made of."""
    source: str
    author: str
    made_at: datetime
    dimension: int = 0
    known: bytes = b""
    """Vectors of those that count as known, float16, shape (any, dimension)."""
    distances: dict[str, list[float]] = field(default_factory=dict)
    """Of the others, ascending, by what they are to: `corpus`, `questions` (the known ones) or `both`."""
