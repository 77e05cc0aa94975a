"""Traces: what was asked, answered and cited. Of the caller's tenant, for who evaluates; a chat key reads none."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from server.api.cursor import CursorQuery, cursor_of, in_utc, place_of
from server.api.feedback import FeedbackBody
from server.api.identity import evaluator_of, services_of
from server.services import Services
from tandem.store import TraceWish
from tandem.threads import in_thread
from tandem.trace_export import as_json, exported
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api/traces", tags=["traces"])

Parts = Annotated[Services, Depends(services_of)]


class TraceQuery(BaseModel):
    """Each part that is named narrows."""

    model_config = ConfigDict(extra="forbid")
    since: datetime | None = None
    until: datetime | None = None
    recipe: Annotated[str | None, Query(max_length=130, description="NAME or NAME@VERSION.")] = None
    outcome: Literal["answered", "abstained", "degraded"] | None = None
    experiment: Annotated[str | None, Query(max_length=64)] = None
    voted: Literal["up", "down", "any", "none"] | None = None
    cursor: CursorQuery = None

    def wish(self) -> TraceWish:
        """The query as the store takes it."""
        return TraceWish(
            since=None if self.since is None else in_utc(self.since),
            until=None if self.until is None else in_utc(self.until),
            recipe=self.recipe,
            outcome=self.outcome,
            experiment=self.experiment,
            voted=self.voted,
        )


class PageQuery(TraceQuery):
    """A page of traces."""

    limit: Annotated[int, Query(ge=1, le=200)] = 50


class TraceBody(BaseModel):
    """One answered question. Answer and citations are empty once one of its documents was deleted."""

    id: str
    created_at: datetime
    recipe: str
    prompt_version: str
    question: str
    corpora: list[str]
    answer: str
    outcome: Literal["answered", "abstained", "degraded"]
    abstained: bool
    degraded: bool | None
    evidence: float | None
    tokens_in: int
    tokens_out: int
    timings: dict[str, float]
    passages: list[str]
    citations: list[dict[str, Any]]
    experiment: str | None
    arm: str | None
    unit: str | None
    conversation: str | None
    distance: float | None
    outside: bool | None
    shadow: bool | None
    feedback: list[FeedbackBody]


class OneTraceBody(TraceBody):
    """One trace, with what a list leaves out."""

    documents: list[str] = []
    feedback_token: str
    """Signed id of this answer, for a vote of the caller's own."""


class TracePage(BaseModel):
    """Traces, the newest first."""

    traces: list[TraceBody]
    next: str | None
    """What to send as `cursor` for more; null at the end."""


@router.get("")
async def list_traces(
    query: Annotated[PageQuery, Query()], caller: Annotated[Caller, Depends(evaluator_of)], services: Parts
) -> TracePage:
    """A page of traces."""
    store, redactor = services.store, services.tracing.redactor
    page = await in_thread(
        store.trace_page, caller, query.wish(), after=place_of(query.cursor), limit=query.limit
    )
    more = cursor_of(page[-1].created_at, page[-1].id) if len(page) == query.limit else None
    return TracePage.model_validate(
        {"traces": await in_thread(as_json, store, caller, page, redactor), "next": more}
    )


@router.get("/export", response_class=StreamingResponse)
async def export_traces(
    query: Annotated[TraceQuery, Query()], caller: Annotated[Caller, Depends(evaluator_of)], services: Parts
) -> StreamingResponse:
    """All traces, the oldest first, a JSON object a line; with `cursor`, what came after that place."""
    lines = exported(
        services.store, caller, query.wish(), services.tracing.redactor, after=place_of(query.cursor)
    )
    return StreamingResponse(_as_lines(lines), media_type="application/x-ndjson")


@router.get("/{trace_id}")
async def get_trace(
    trace_id: str, caller: Annotated[Caller, Depends(evaluator_of)], services: Parts
) -> OneTraceBody:
    """One trace."""
    store, tokens = services.store, services.tracing.tokens
    found = await in_thread(store.trace, caller, trace_id)
    (said,) = await in_thread(as_json, store, caller, [found], services.tracing.redactor)
    token = tokens.sign(caller.tenant, found.id, tokens.voter(caller, None))
    return OneTraceBody.model_validate(said | {"feedback_token": token})


def _as_lines(objects: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    for one in objects:
        yield json.dumps(one, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
