"""How a recipe finds its passages: the part of its version that retrieval is made from."""

from dataclasses import dataclass, field
from typing import Literal

from tandem.index import Fusion, Leg, scored_by
from tandem.rewriting import Rewriting, rewriting_of
from tandem.settings import RetrievalSettings, Settings


@dataclass(frozen=True, slots=True)
class Reranking:
    """Which reranker orders the candidates anew, how many, and until when."""

    kind: Literal["light", "cross_encoder", "multi_vector", "endpoint"] = "light"
    model: str | None = None
    """`None` for the light one."""
    candidates: int = 30
    deadline_ms: int = 500

    @property
    def scored_by(self) -> str:
        """What makes its scores."""
        return f"{self.kind} {self.model or ''}".strip()


@dataclass(frozen=True, slots=True)
class Reading:
    """How ranked chunks become the passages that are read."""

    merge: bool = False
    near_identical: float = 0.95
    mmr: float = 1.0
    per_source: int = 0


@dataclass(frozen=True, slots=True)
class RetrievalProfile:
    """How passages are found, judged and cited; the fields are those of the settings `answer` and `retrieval`."""

    passages: int
    evidence: float
    context_tokens: int
    citing: Literal["verify", "keep"]
    support: float
    leg: Leg = Leg.HYBRID
    order: Literal["prompt", "best_first", "best_last", "stable"] = "prompt"
    cut_last: bool = False
    fusion: Fusion = Fusion()
    calibration: str = ""
    """Digest of what makes a probability of the evidence."""
    rewriting: Rewriting = field(default_factory=Rewriting)
    reranking: Reranking | None = None
    reading: Reading = Reading()
    excerpt_tokens: int = 0
    """Most tokens of a passage in a prompt, cut around its likeliest sentence; 0 keeps passages whole."""

    @property
    def scored_by(self) -> str:
        """What makes the passages' scores where all goes well: `Passage.scored_by` says what has made them.

        A reranker that is late, and a model that does not rewrite, leave them to what comes before.
        """
        if self.rewriting.scored_by:
            return self.rewriting.scored_by
        return self.reranking.scored_by if self.reranking else scored_by(self.leg, self.fusion)


def retrieval_profile(settings: Settings) -> RetrievalProfile:
    """The profile of the recipes that retrieve, as the settings have it."""
    chosen, found = settings.answer, settings.retrieval
    return RetrievalProfile(
        chosen.passages,
        chosen.evidence,
        chosen.context_tokens,
        chosen.citing,
        chosen.support,
        order=chosen.order,
        cut_last=chosen.cut_last,
        fusion=Fusion(found.fusion, found.dense_weight, found.sparse_weight, found.rrf_k, found.candidates),
        rewriting=rewriting_of(chosen),
        reranking=_reranking(found),
        reading=Reading(found.merge, found.near_identical, found.mmr, found.per_source),
        excerpt_tokens=chosen.excerpt_tokens,
    )


def _reranking(found: RetrievalSettings) -> Reranking | None:
    if found.reranker == "none":
        return None
    model = None if found.reranker == "light" else found.rerank_model
    return Reranking(found.reranker, model, found.rerank_candidates, found.rerank_deadline_ms)
