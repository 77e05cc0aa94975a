"""`GET /api/monitoring`: what a window of answers comes to, by recipe."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from server.alerting.gauges import with_votes
from server.api.identity import evaluator_of, services_of
from server.services import Services
from tandem.errors import ForbiddenError
from tandem.monitoring import MEASURES, Estimate, Figures
from tandem.monitoring.figures import Quantiles
from tandem.store import Window
from tandem.threads import in_thread
from tandem.vocabulary import Caller, KeyScope

router = APIRouter(prefix="/api", tags=["monitoring"])

_MOST_WINDOW_S = 31 * 86_400


class EstimateBody(BaseModel):
    """A value, its 95% interval (null where there is none), and of how many answers it is."""

    value: float
    low: float | None
    high: float | None
    n: int


class DurationBody(BaseModel):
    """Median and 95th percentile, in milliseconds, of so many answers."""

    n: int
    p50: float | None
    p95: float | None


class RecipeFigures(BaseModel):
    """The answers of one recipe, `NAME@VERSION`; empty for all of them."""

    recipe: str
    answers: int
    answered: int
    abstained: int
    degraded: int
    failed: int
    searched: int
    empty: int
    cached: int
    outside: int
    tokens_in: int
    tokens_out: int
    liked: int
    disliked: int
    first_token_ms: DurationBody
    total_ms: DurationBody
    abstained_share: EstimateBody | None
    degraded_share: EstimateBody | None
    failed_share: EstimateBody | None
    empty_share: EstimateBody | None
    disliked_share: EstimateBody | None
    cited_mean: EstimateBody | None
    quality_mean: EstimateBody | None
    quality_proven: int
    """Of the answers with a quality, those that a judge above its floor gave."""


class MonitoringBody(BaseModel):
    """What was answered from `since` until `until`."""

    since: datetime
    until: datetime
    tenant: str | None
    """Whose answers; null for every tenant's."""
    champion: str
    passages_only: bool
    all: RecipeFigures
    recipes: list[RecipeFigures]


@router.get("/monitoring")
async def monitoring(
    caller: Annotated[Caller, Depends(evaluator_of)],
    services: Annotated[Services, Depends(services_of)],
    window_s: Annotated[float, Query(ge=1, le=_MOST_WINDOW_S, description="Seconds until now.")] = 3_600,
    tenant: Annotated[
        str | None, Query(max_length=200, description="A tenant; an operator sees every one's by default.")
    ] = None,
) -> MonitoringBody:
    """The figures of live answers: of your tenant, or of all of them for an operator."""
    operates = caller.may(KeyScope.OPERATOR)
    if tenant is not None and tenant != caller.tenant and not operates:
        raise ForbiddenError("Only an operator sees the figures of other tenants")
    whose = tenant or (None if operates else caller.tenant)
    until = datetime.now(UTC)
    window = Window(until - timedelta(seconds=window_s), until, tenant=whose)
    store = services.store
    return MonitoringBody(
        since=window.since,
        until=until,
        tenant=whose,
        champion=services.recipes.champion,
        passages_only=services.resilience.passages_only,
        all=figures_body(await in_thread(store.figures, window)),
        recipes=[figures_body(one) for one in await in_thread(with_votes, store, window)],
    )


def figures_body(figures: Figures) -> RecipeFigures:
    """Figures as they are sent."""
    counts = {
        name: getattr(figures, name)
        for name in RecipeFigures.model_fields
        if not name.endswith(("_share", "_mean", "_ms"))
    }
    estimates = {
        name: _estimate(MEASURES[name].estimate(figures, 1.0))
        for name in RecipeFigures.model_fields
        if name.endswith(("_share", "_mean"))
    }
    return RecipeFigures(
        **counts,
        **estimates,
        first_token_ms=_duration(figures.first_token),
        total_ms=_duration(figures.total),
    )


def _estimate(found: Estimate | None) -> EstimateBody | None:
    return None if found is None else EstimateBody.model_validate(found, from_attributes=True)


def _duration(found: Quantiles) -> DurationBody:
    return DurationBody.model_validate(found, from_attributes=True)
