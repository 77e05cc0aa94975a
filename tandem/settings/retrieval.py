"""How passages are found."""

from typing import Literal, Self

from pydantic import Field, model_validator

from tandem.settings.group import Group


class RetrievalSettings(Group):
    """How passages are found and put in order; part of a recipe's version."""

    fusion: Literal["rrf", "weighted", "dbsf"] = Field(
        "dbsf",
        description="How the two rankings of a hybrid query become one: `rrf` by ranks, `weighted` by scores moved to "
        "[0, 1], `dbsf` by scores measured in standard deviations.",
    )
    dense_weight: float = Field(1.0, gt=0, description="Weight of the dense leg in the fusion.")
    sparse_weight: float = Field(3.0, gt=0, description="Weight of the BM25 leg in the fusion.")
    rrf_k: int = Field(
        1,
        ge=1,
        description="The constant of reciprocal rank fusion; a higher one favours what both legs find.",
    )
    candidates: int = Field(
        50, ge=1, le=1_000, description="Chunks that each leg of the hybrid query puts forward."
    )
    reranker: Literal["none", "light", "cross_encoder", "multi_vector", "endpoint"] = Field(
        "none",
        description="What orders the candidates anew: `light` needs no model, `cross_encoder` and "
        "`multi_vector` (ColBERT's MaxSim) need one of sentence-transformers, `endpoint` the `/rerank` of vLLM, TEI or Infinity.",
    )
    rerank_model: str | None = Field(
        None, description="The model's folder or name at a hub, or the name that the endpoint serves."
    )
    rerank_address: str | None = Field(
        None, description="URL before `/rerank`, such as `http://rerank-1:8000/v1`."
    )
    rerank_api_key: str | None = Field(None, description="Key sent to the endpoint.")
    rerank_candidates: int = Field(30, ge=2, le=1_000, description="Chunks that are ordered anew.")
    rerank_deadline_ms: int = Field(
        500, ge=1, description="Milliseconds after which the order before the reranker serves."
    )
    merge: bool = Field(
        False, description="Make one passage of chunks that touch or overlap in their document."
    )
    near_identical: float = Field(
        0.95,
        gt=0,
        le=1,
        description="Jaccard similarity of their words from which the lower of two passages is dropped.",
    )
    mmr: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Lambda of maximal marginal relevance: 1 looks at relevance only, less favours passages unlike "
        "those above them.",
    )
    per_source: int = Field(0, ge=0, description="Most passages of one document; 0 for no limit.")

    @model_validator(mode="after")
    def _reranker_is_whole(self) -> Self:
        if self.reranker in ("cross_encoder", "multi_vector") and not self.rerank_model:
            raise ValueError(f"the reranker {self.reranker} needs rerank_model")
        if self.reranker == "endpoint" and not self.rerank_address:
            raise ValueError("the reranker endpoint needs rerank_address")
        return self
