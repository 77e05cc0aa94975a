"""`POST /api/retrieve`: the passages for a question, without an answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from server.answering.expand import find_passages
from server.answering.timings import Timings
from server.answering.types import Question
from server.api.chat_request import TandemOptions
from server.api.identity import chatter_of, services_of
from server.limiting.admitting import Admitted, admit
from server.services import Services
from tandem.errors import InvalidRequestError, TooLargeError
from tandem.recipes import MODEL
from tandem.vocabulary import Caller, Passage, Scalar, Where

router = APIRouter(tags=["documents"])


class RetrieveRequest(BaseModel):
    """What to look for, and where."""

    model_config = ConfigDict(extra="forbid")
    query: str = Field(min_length=1, description="The question, or words to look for.")
    passages: int | None = Field(None, ge=1, le=50, description="Most passages; the recipe's by default.")
    model: str = Field(
        MODEL, max_length=200, description="The recipe whose retrieval is used, as in a chat request."
    )
    tandem: TandemOptions | None = Field(None, description="What to search, as in a chat request.")


class PassageBody(BaseModel):
    """One passage; `start` and `end` are its place in the document, in code points."""

    id: str
    text: str
    score: float
    """What it was ranked by; it compares within one response alone."""
    similarity: float
    """Cosine of the question and the passage."""
    document_id: str
    corpus: str
    title: str
    uri: str
    page: int | None
    section: str | None
    start: int
    end: int
    tags: list[str]
    metadata: dict[str, Scalar]
    in_prompt: bool | None = None
    """Whether the model saw it, where the passage comes with an answer."""


class RetrieveResponse(BaseModel):
    """The passages, best first."""

    passages: list[PassageBody]
    timings: dict[str, float]
    """Milliseconds per step."""


@router.post("/api/retrieve")
async def retrieve_passages(
    body: RetrieveRequest,
    response: Response,
    caller: Annotated[Caller, Depends(chatter_of)],
    services: Annotated[Services, Depends(services_of)],
) -> RetrieveResponse:
    """Find passages as the recipe does before it answers. Only the caller's documents are searched."""
    most = services.settings.server.max_question_chars
    if len(body.query) > most:
        raise TooLargeError(
            f"The query has {len(body.query):,} characters; the limit is {most:,}", param="query"
        )
    recipe = services.recipes.of_model(body.model)
    profile = recipe.retrieval
    if profile is None:
        raise InvalidRequestError(
            f"{body.model} answers without retrieval", param="model", hint="GET /v1/models lists the recipes."
        )
    if body.passages is not None:
        recipe = replace(recipe, retrieval=replace(profile, passages=body.passages))
    options = body.tandem or TandemOptions()
    corpora = tuple(dict.fromkeys(options.corpora)) if options.corpora else None
    where = options.where() if body.tandem else Where()
    timings = Timings()
    asked = Question(caller, body.model, body.query, corpora=corpora, where=where)
    async with _let_in(asked, services, asks_engine=profile.rewriting.expand != "off") as admitted:
        response.headers.update(admitted.headers)
        found = await find_passages(admitted.question, body.query, recipe, services, timings)
    return RetrieveResponse(passages=[passage_body(passage) for passage in found], timings=timings.finish())


@asynccontextmanager
async def _let_in(question: Question, services: Services, *, asks_engine: bool) -> AsyncIterator[Admitted]:
    """What asks the engine for further wordings is admitted as a question is, and counts its tokens."""
    if asks_engine:
        async with admit(question, services) as admitted:
            yield admitted
    else:
        yield Admitted(question, await services.limiter.request(question.caller))


def passage_body(passage: Passage, *, in_prompt: bool | None = None) -> PassageBody:
    """A passage as it is sent."""
    chunk = passage.chunk
    return PassageBody(
        id=chunk.id,
        text=chunk.text,
        score=passage.score,
        similarity=passage.similarity,
        document_id=chunk.document_id,
        corpus=chunk.corpus,
        title=chunk.title,
        uri=chunk.uri,
        page=chunk.page,
        section=chunk.section,
        start=chunk.start,
        end=chunk.end,
        tags=list(chunk.marks.tags),
        metadata=dict(chunk.marks.metadata),
        in_prompt=in_prompt,
    )
