"""`/api/experiments`: challengers beside the champion."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from server.api.identity import evaluator_of, operator_of, services_of
from server.experiments.promoting import promote_winner
from server.experiments.tending import follow_experiments
from server.following import follow_recipes
from server.services import Services
from tandem.errors import NotFoundError
from tandem.experiments import (
    ExperimentBody,
    ExperimentWish,
    ShadowPairBody,
    begin,
    expand,
    pair_body,
    result_of,
    stop,
    write_down,
)
from tandem.store import Experiment
from tandem.threads import in_thread
from tandem.vocabulary import Caller, KeyScope

router = APIRouter(prefix="/api/experiments", tags=["experiments"])

Name = Annotated[str, Path(max_length=64, description="Name or id.")]
Parts = Annotated[Services, Depends(services_of)]
Evaluator = Annotated[Caller, Depends(evaluator_of)]
Operator = Annotated[Caller, Depends(operator_of)]


class ExperimentList(BaseModel):
    """Experiments, newest first."""

    experiments: list[ExperimentBody]


class ShadowPairs(BaseModel):
    """Questions that champion and challenger have both answered, newest first; of the caller's tenant."""

    pairs: list[ShadowPairBody]


class GrowBody(BaseModel):
    """Greater shares, by arm."""

    model_config = ConfigDict(extra="forbid")
    shares: dict[str, Annotated[float, Field(ge=0.0001, le=1)]] = Field(min_length=1, max_length=8)


class StopBody(BaseModel):
    """Why it is stopped."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field("", max_length=2_000)


class PromoteBody(BaseModel):
    """The arm that is to serve; the winner by default."""

    model_config = ConfigDict(extra="forbid")
    arm: str | None = Field(None, max_length=64)


@router.post("", status_code=201)
async def create_experiment(body: ExperimentWish, caller: Operator, services: Parts) -> ExperimentBody:
    """Write an experiment down as a draft; nothing is answered otherwise before it is started."""
    await follow_recipes(services)
    made = await in_thread(write_down, body, services.recipes, services.store, services.settings, caller)
    return ExperimentBody.of(made)


@router.get("")
async def list_experiments(caller: Evaluator, services: Parts) -> ExperimentList:
    """All experiments; to somebody of one tenant those that its questions may be in."""
    found = await in_thread(services.store.experiments)
    tenant = _tenant_of(caller)
    return ExperimentList(
        experiments=[ExperimentBody.of(one, tenant=tenant) for one in found if _concerns(one, tenant)]
    )


@router.get("/{name}")
async def get_experiment(name: Name, caller: Evaluator, services: Parts) -> ExperimentBody:
    """An experiment and what it has shown so far: to somebody of one tenant, on that tenant's questions."""
    tenant = _tenant_of(caller)
    found = await _visible(name, tenant, services)
    result = await in_thread(result_of, found, services.store, tenant)
    return ExperimentBody.of(found, result, tenant=tenant)


@router.get("/{name}/pairs")
async def list_shadow_pairs(
    name: Name, caller: Evaluator, services: Parts, limit: Annotated[int, Query(ge=1, le=1_000)] = 20
) -> ShadowPairs:
    """Both answers to the newest questions of shadow mode, side by side; of the caller's own tenant."""
    found = await _visible(name, _tenant_of(caller), services)
    pairs = await in_thread(
        services.store.shadow_pairs, found.id, tenant=caller.tenant, words=True, limit=limit
    )
    return ShadowPairs(pairs=[pair_body(one) for one in pairs])


@router.post("/{name}/start")
async def start_experiment(name: Name, caller: Operator, services: Parts) -> ExperimentBody:
    """Let a draft run, on every server within a second. The challengers' adapters are loaded before."""
    draft = await in_thread(services.store.experiment, name)
    await follow_recipes(services)
    for one in draft.plan.challengers:
        await services.adapters.ensure(services.recipes.find(one.recipe).model)
    made = await in_thread(begin, name, services.recipes, services.store, services.settings, caller)
    await follow_experiments(services)
    return ExperimentBody.of(made)


@router.post("/{name}/share")
async def grow_experiment(name: Name, body: GrowBody, caller: Operator, services: Parts) -> ExperimentBody:
    """Give challengers more of the traffic, up to the final share of the plan; nobody is moved back."""
    made = await in_thread(expand, name, body.shares, services.store, caller)
    await follow_experiments(services)
    return ExperimentBody.of(made)


@router.post("/{name}/stop")
async def stop_experiment(name: Name, body: StopBody, caller: Operator, services: Parts) -> ExperimentBody:
    """End an experiment undecided; everybody gets the champion."""
    made = await in_thread(stop, name, body.reason, services.store, caller)
    await follow_experiments(services)
    return ExperimentBody.of(made)


@router.post("/{name}/promote")
async def promote_experiment(
    name: Name, body: PromoteBody, caller: Operator, services: Parts
) -> ExperimentBody:
    """Let the winner, or the arm that is named, be the champion, if the champion is still that of the start."""
    return ExperimentBody.of(await promote_winner(name, body.arm, services, caller))


def _tenant_of(caller: Caller) -> str | None:
    """Whose answers the caller may see counted; everybody's for who serves every tenant."""
    return None if caller.may(KeyScope.OPERATOR) else caller.tenant


def _concerns(experiment: Experiment, tenant: str | None) -> bool:
    tenants = experiment.plan.tenants
    return tenant is None or tenants is None or tenant in tenants


async def _visible(name: str, tenant: str | None, services: Services) -> Experiment:
    found = await in_thread(services.store.experiment, name)
    if not _concerns(found, tenant):
        raise NotFoundError(f"There is no experiment {name!r}", param="name")
    return found
