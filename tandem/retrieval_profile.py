"""How passages are found for a question, judged and cited."""

from dataclasses import dataclass
from typing import Literal

from tandem.index import Leg


@dataclass(frozen=True, slots=True)
class RetrievalProfile:
    """How passages are found, judged and cited; the fields are those of `AnswerSettings`."""

    passages: int
    evidence: float
    context_tokens: int
    citing: Literal["verify", "keep"]
    support: float
    leg: Leg = Leg.HYBRID
    order: Literal["prompt", "best_first", "best_last", "stable"] = "prompt"
    cut_last: bool = False
