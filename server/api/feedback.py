"""Votes on answers, and their review."""

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from server import feedback
from server.api.cursor import CursorQuery, cursor_of, in_utc, place_of
from server.api.identity import chatter_of, evaluator_of, services_of
from server.services import Services
from tandem.errors import NotFoundError
from tandem.store import Feedback, Verdict, Vote
from tandem.threads import in_thread
from tandem.trace_export import feedback_json
from tandem.vocabulary import Caller

router = APIRouter(tags=["feedback"])

Parts = Annotated[Services, Depends(services_of)]
_VERDICTS: dict[int, Verdict] = {1: "down", 2: "down", 3: "neither", 4: "up", 5: "up"}


class VoteBody(BaseModel):
    """A verdict on one answer."""

    model_config = ConfigDict(extra="forbid")
    feedback_token: str = Field(max_length=200, description="`tandem.feedback_token` of the answer.")
    verdict: Literal["up", "down"] | None = None
    rating: int | None = Field(
        None, ge=1, le=5, description="In place of a verdict: 4 and 5 are up, 1 and 2 are down."
    )
    correction: str = Field("", max_length=16_000, description="What the answer should have been.")
    comment: str = Field("", max_length=4_000)
    tags: list[Annotated[str, Field(min_length=1, max_length=50)]] = Field(
        default_factory=list, max_length=10
    )

    @model_validator(mode="after")
    def _is_one_verdict(self) -> Self:
        if (self.verdict is None) == (self.rating is None):
            raise ValueError("give a verdict or a rating")
        return self

    def vote(self, tenant: str, trace_id: str, voter: str) -> Vote:
        """The vote of a voter."""
        return Vote(
            trace_id=trace_id,
            tenant=tenant,
            voter=voter,
            verdict=self.verdict or _VERDICTS[self.rating or 3],
            rating=self.rating,
            tags=tuple(dict.fromkeys(self.tags)),
            comment=self.comment.strip(),
            correction=self.correction.strip(),
        )


class NamedVoteBody(VoteBody):
    """A verdict, with the answer that it is on."""

    trace_id: str = Field(min_length=1, max_length=64, description="`tandem.trace_id` of the answer.")


class FeedbackBody(BaseModel):
    """A vote as it is kept. Nothing is learnt from what is `new`."""

    id: str
    trace_id: str
    recipe: str
    verdict: Literal["up", "down", "neither"]
    rating: int | None
    state: Literal["new", "accepted", "rejected"]
    created_at: datetime
    at: datetime
    tags: list[str]
    comment: str
    correction: str
    reviewer: str | None
    reviewed_at: datetime | None


class FeedbackPage(BaseModel):
    """Votes, the newest first."""

    feedback: list[FeedbackBody]
    next: str | None
    """What to send as `cursor` for more; null at the end."""


class ScoreBody(BaseModel):
    """How many users think well of a recipe, and how many do not: each counts once, by the newest vote."""

    up: int
    down: int


class ReviewBody(BaseModel):
    """What a reviewer makes of a vote."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["new", "accepted", "rejected"]


@router.post("/v1/feedback")
async def vote(
    body: NamedVoteBody, caller: Annotated[Caller, Depends(chatter_of)], services: Parts
) -> FeedbackBody:
    """Vote on an answer; the newest vote of a user replaces the one before."""
    return await _cast(body.trace_id, body, caller, services)


@router.post("/api/traces/{trace_id}/feedback")
async def vote_on_trace(
    trace_id: str, body: VoteBody, caller: Annotated[Caller, Depends(chatter_of)], services: Parts
) -> FeedbackBody:
    """The same."""
    return await _cast(trace_id, body, caller, services)


@router.delete("/api/traces/{trace_id}/feedback", status_code=204)
async def withdraw_vote(
    trace_id: str,
    feedback_token: Annotated[
        str, Header(max_length=200, description="`tandem.feedback_token` of the answer.")
    ],
    caller: Annotated[Caller, Depends(chatter_of)],
    services: Parts,
) -> None:
    """Take the vote of whose token it is back; nothing changes where there is none."""
    voter = _voter(trace_id, feedback_token, caller, services)
    await feedback.withdraw_vote(caller, trace_id, voter, services)


@router.get("/api/feedback")
async def list_feedback(
    caller: Annotated[Caller, Depends(evaluator_of)],
    services: Parts,
    state: Literal["new", "accepted", "rejected"] | None = None,
    verdict: Literal["up", "down", "neither"] | None = None,
    trace_id: Annotated[str | None, Query(max_length=64)] = None,
    since: datetime | None = None,
    cursor: CursorQuery = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> FeedbackPage:
    """Votes of the caller's tenant."""
    found = await in_thread(
        services.store.feedbacks,
        caller,
        state=state,
        verdict=verdict,
        trace_ids=None if trace_id is None else [trace_id],
        since=None if since is None else in_utc(since),
        before=place_of(cursor),
        limit=limit,
    )
    more = cursor_of(found[-1].at, found[-1].id) if len(found) == limit else None
    bodies = await in_thread(lambda: [_body(one, services) for one in found])
    return FeedbackPage(feedback=bodies, next=more)


@router.get("/api/feedback/score")
async def score(
    caller: Annotated[Caller, Depends(evaluator_of)],
    services: Parts,
    recipe: Annotated[str | None, Query(max_length=130, description="NAME or NAME@VERSION.")] = None,
    since: datetime | None = None,
) -> ScoreBody:
    """Users of the caller's tenant who voted up, and down."""
    up, down = await in_thread(
        services.store.feedback_score,
        recipe=recipe,
        since=None if since is None else in_utc(since),
        tenant=caller.tenant,
    )
    return ScoreBody(up=up, down=down)


@router.post("/api/feedback/{feedback_id}/review")
async def review(
    feedback_id: str, body: ReviewBody, caller: Annotated[Caller, Depends(evaluator_of)], services: Parts
) -> FeedbackBody:
    """Let an answer be learnt from, or not; a rejected vote is not counted either."""
    kept = await in_thread(services.store.review_feedback, caller, feedback_id, body.state)
    return await in_thread(_body, kept, services)


async def _cast(trace_id: str, body: VoteBody, caller: Caller, services: Services) -> FeedbackBody:
    voter = _voter(trace_id, body.feedback_token, caller, services)
    kept = await feedback.cast_vote(body.vote(caller.tenant, trace_id, voter), services)
    return await in_thread(_body, kept, services)


def _voter(trace_id: str, token: str, caller: Caller, services: Services) -> str:
    voter = services.tracing.tokens.check(caller.tenant, trace_id, token)
    if voter is None:
        # As for an answer that there never was: who has no token learns nothing from the refusal.
        raise NotFoundError(f"There is no trace {trace_id!r}", param="trace_id")
    return voter


def _body(kept: Feedback, services: Services) -> FeedbackBody:
    return FeedbackBody.model_validate(feedback_json(kept, services.tracing.redactor))
