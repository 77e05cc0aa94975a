"""`/api/interventions`: what was done about alerts, what waits for a word, and how it is undone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel

from server.alerting.gauges import follow_switch
from server.api.identity import evaluator_of, operator_of, services_of
from server.following import follow_recipes
from server.services import Services
from tandem.alerting import undo_intervention
from tandem.store import Intervention, RetrainingRequest
from tandem.threads import in_thread
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api/interventions", tags=["alerts"])

Operator = Annotated[Caller, Depends(operator_of)]
Parts = Annotated[Services, Depends(services_of)]
Id = Annotated[str, Path(alias="intervention", max_length=64)]


class InterventionBody(BaseModel):
    """What was done about an alert, or is to be, or is only proposed."""

    id: str
    kind: str
    cause: str
    subject: str
    state: str
    """proposed, due, acting, done, failed, withheld, rejected or undone."""
    alert: str
    rule: str
    figures: dict[str, Any]
    """Of the alert, when it was made."""
    target: dict[str, Any]
    made_at: datetime
    done_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    result: dict[str, Any]
    note: str
    """Why it failed or was withheld."""


class RetrainingBody(BaseModel):
    """An adapter that should be trained anew; empty for whichever there is."""

    id: str
    adapter: str
    reason: str
    author: str
    made_at: datetime


class InterventionList(BaseModel):
    """Interventions, the newest first, and what is asked for besides."""

    passages_only: bool
    """Whether recipes that retrieve answer with passages alone now."""
    retraining: list[RetrainingBody]
    interventions: list[InterventionBody]


@router.get("")
async def list_interventions(
    caller: Annotated[Caller, Depends(evaluator_of)],
    services: Parts,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> InterventionList:
    """What Tandem did by itself, what it proposes, and what people made of it."""
    store = services.store
    requests = await in_thread(store.retraining_requests)
    found = await in_thread(store.interventions, limit=limit)
    return InterventionList(
        passages_only=await in_thread(store.forced_degraded),
        retraining=[_request(one) for one in requests],
        interventions=[intervention_body(one) for one in found],
    )


@router.get("/{intervention}")
async def get_intervention(
    intervention: Id, caller: Annotated[Caller, Depends(evaluator_of)], services: Parts
) -> InterventionBody:
    """One of them."""
    return intervention_body(await in_thread(services.store.intervention, intervention))


@router.post("/{intervention}/approve")
async def approve(intervention: Id, caller: Operator, services: Parts) -> InterventionBody:
    """Let one be made that is proposed, or that was withheld or failed; some server makes it within a second or two."""
    return await _decided(intervention, caller, services, approved=True)


@router.post("/{intervention}/reject")
async def reject(intervention: Id, caller: Operator, services: Parts) -> InterventionBody:
    """Let one not be made."""
    return await _decided(intervention, caller, services, approved=False)


@router.post("/{intervention}/undo")
async def undo(intervention: Id, caller: Operator, services: Parts) -> InterventionBody:
    """Take back what one has done, if nobody has changed it since."""
    made = await in_thread(undo_intervention, services.store, intervention, caller.subject)
    await follow_recipes(services)
    await follow_switch(services)
    return intervention_body(made)


def intervention_body(made: Intervention) -> InterventionBody:
    """An intervention as it is sent."""
    return InterventionBody.model_validate(made, from_attributes=True)


async def _decided(
    intervention: str, caller: Caller, services: Services, *, approved: bool
) -> InterventionBody:
    decide: Callable[..., Intervention] = services.store.decide_intervention
    made = await in_thread(decide, intervention, caller.subject, datetime.now(UTC), approve=approved)
    return intervention_body(made)


def _request(one: RetrainingRequest) -> RetrainingBody:
    return RetrainingBody.model_validate(one, from_attributes=True)
