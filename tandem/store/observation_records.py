"""What is observed of one answer, in figures."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Observation:
    """The figures of one answer, without its words. Monitors, experiments and alerts count these."""

    trace_id: str
    tenant: str
    at: datetime
    recipe: str
    """`NAME@VERSION`."""
    outcome: str
    """`answered`, `abstained`, `degraded` (passages in an answer's place), or `failed`."""
    experiment: str | None = None
    """Id of the experiment that chose the recipe, and `arm`, which of its recipes it was."""
    arm: str | None = None
    unit: str | None = None
    """Whose answer it was to an experiment: a hash of the user or the conversation."""
    error: str | None = None
    """Type of the error of a `failed` one; of a `degraded` one, why the engine did not write."""
    passages: int = 0
    similarity: float | None = None
    """Highest cosine of the question and a passage; `None` where none were found, or looked for."""
    evidence: float | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    answer_chars: int = 0
    citations: int = 0
    cited: float | None = None
    """Share of the sentences that the model wrote which carry a mark, those that were dropped counted as without;
    `None` where the recipe cites nothing, or Tandem abstained."""
    distance: float | None = None
    """How far the question is from the domain, and `outside`, whether that is further than the threshold."""
    outside: bool = False
    cached: bool = False
    shadow: bool = False
    """Whether nobody saw the answer: a challenger's in shadow mode."""
    quality: float | None = None
    """A judge's score in [0, 1], where the answer was among those that are sampled."""
