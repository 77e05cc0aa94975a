"""`POST /api/corpora/{corpus}/evidence`: how sure the passages of a question are, without an answer."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from server.answering.look import Look, look
from server.api.identity import evaluator_of, services_of
from server.services import Services
from tandem.errors import TooLargeError
from tandem.vocabulary import Caller

router = APIRouter(tags=["evidence"])


class EvidenceRequest(BaseModel):
    """A question, and the documents that answer it."""

    model_config = ConfigDict(extra="forbid")
    question: str = Field(min_length=1)
    documents: list[Annotated[str, Field(min_length=1, max_length=4_096)]] = Field(
        default_factory=list, max_length=100, description="Ids or addresses of documents of the corpus."
    )
    leave_out: bool = Field(False, description="Search as if these documents were not there.")
    likelihood: bool = Field(
        False, description="Ask the engine how much of the question the best passage explains."
    )
    recipe: str | None = Field(None, description="Recipe whose retrieval it is; the champion by default.")


class FoundPassage(BaseModel):
    """A passage, best first."""

    document_id: str
    uri: str
    start: int
    end: int
    text: str
    similarity: float


class EvidenceBody(BaseModel):
    """What the question brings."""

    evidence: float
    """Probability that the passages hold the answer."""
    features: list[float]
    """What the probability is made of; empty without passages."""
    documents: list[str]
    """Ids of the documents that were named, and of those that are searched in their place."""
    passages: list[FoundPassage]
    embedder: str
    scored_by: str
    """What made the passages' scores."""
    model: str
    """The engine's, which is asked for the likelihood."""


@router.post("/api/corpora/{corpus}/evidence")
async def evidence(
    corpus: str,
    body: EvidenceRequest,
    caller: Annotated[Caller, Depends(evaluator_of)],
    services: Annotated[Services, Depends(services_of)],
) -> EvidenceBody:
    """The passages and their evidence; what `tandem calibrate` asks."""
    most = services.settings.server.max_question_chars
    if len(body.question) > most:
        raise TooLargeError(
            f"The question has {len(body.question):,} characters; the limit is {most:,}", param="question"
        )
    seen = await look(
        caller,
        body.question,
        corpus,
        body.documents,
        services,
        leave_out=body.leave_out,
        recipe=body.recipe,
        likelihood=body.likelihood,
    )
    return evidence_body(seen)


def evidence_body(seen: Look) -> EvidenceBody:
    """A look as it is sent."""
    passages = [
        FoundPassage(
            document_id=passage.chunk.document_id,
            uri=passage.chunk.uri,
            start=passage.chunk.start,
            end=passage.chunk.end,
            text=passage.chunk.text,
            similarity=passage.similarity,
        )
        for passage in seen.passages
    ]
    return EvidenceBody(
        evidence=seen.evidence,
        features=list(seen.features),
        documents=list(seen.documents),
        passages=passages,
        embedder=seen.embedder,
        scored_by=seen.scored_by,
        model=seen.model,
    )
