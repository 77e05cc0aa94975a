"""What users think of answers, as the store takes it and hands it out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

Verdict = Literal["up", "down", "neither"]
FeedbackState = Literal["new", "accepted", "rejected"]
"""Nothing is learnt from what is `new`; what is `rejected` is not counted either."""


@dataclass(frozen=True, slots=True)
class Vote:
    """A user's verdict on one answer. The newest of a user replaces the one before."""

    trace_id: str
    tenant: str
    voter: str
    """A hash of who votes: nobody has more than one vote on an answer."""
    verdict: Verdict
    rating: int | None = None
    """From 1 to 5, where the verdict was given as one: 4 and 5 are `up`, 1 and 2 are `down`."""
    tags: tuple[str, ...] = ()
    comment: str = ""
    correction: str = ""
    """What the answer should have been."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A vote as it is kept."""

    id: str
    trace_id: str
    tenant: str
    voter: str
    recipe: str
    """`NAME@VERSION` of the recipe that answered."""
    verdict: Verdict
    rating: int | None
    state: FeedbackState
    created_at: datetime
    at: datetime
    """When the vote that counts was cast; `created_at` is of the user's first."""
    tags: tuple[str, ...] = ()
    comment: str = ""
    correction: str = ""
    reviewer: str | None = None
    reviewed_at: datetime | None = None


class FeedbackScore(NamedTuple):
    """How many users think well of a recipe, and how many do not: each counts once, by the newest vote."""

    up: int
    down: int


@dataclass(frozen=True, slots=True)
class ArmFeedback:
    """The newest vote of one user on an arm of an experiment."""

    arm: str
    unit: str
    """Whose answer it was to the experiment, as in `Observation`."""
    value: float
    """1.0 for `up`, 0.0 for `down`."""
    at: datetime


@dataclass(frozen=True, slots=True)
class VotedAnswer:
    """Accepted feedback with what it is about: something to learn from, or to measure with."""

    id: str
    question: str
    answer: str
    """The correction, where there is one."""
    documents: tuple[str, ...]
    """Ids of the documents that were cited; of all that were in the prompt where none was."""
    verdict: Verdict
    corrected: bool
