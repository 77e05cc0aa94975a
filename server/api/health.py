"""`/healthz`, `/readyz` and `/metrics`: what operations asks."""

import asyncio
from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from server.api.identity import metrics_reader_of, services_of
from server.services import Services
from tandem import __version__
from tandem.engine import EngineState
from tandem.errors import StorageError, UnavailableError
from tandem.threads import in_thread

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz", responses={503: {"description": "Not yet", "model": None}})
async def readyz(
    services: Annotated[Services, Depends(services_of)],
    degraded: Annotated[
        bool, Query(description="Count a server as ready that answers with passages.")
    ] = False,
) -> JSONResponse:
    """Whether questions can be answered now: 200, or 503 with the part that is missing.

    `ready` says so of whole answers. With `degraded=true` the status is 200 also where the engine alone is missing,
    and recipes that retrieve answer with passages. A server that stops is ready for nothing.
    """
    engine, draining = services.engine.state, services.resilience.drain.is_draining
    parts = {"engine": engine.value, "store": "ready", "index": "ready", "embedder": "ready"}
    replicas = services.engine.replicas
    parts["engine_replicas"] = f"{sum(one.is_ready for one in replicas)} of {len(replicas)} ready"
    parts["engine_breaker"] = services.client.breaker_state.value
    parts["search_breaker"] = services.resilience.search.state.value
    parts["server"] = "draining" if draining else "ready"
    try:
        async with asyncio.timeout(services.store.patience_s):
            await in_thread(services.store.check)
    except (StorageError, UnavailableError) as error:
        parts["store"] = error.message
    except TimeoutError:
        parts["store"] = "does not answer in time"
    champion = services.recipes.find(services.recipes.champion).model
    parts["adapters"] = _adapters(services)
    searches = parts["store"] == "ready" and not draining
    ready = searches and engine is EngineState.READY and services.adapters.is_loaded(champion)
    passes = ready or (degraded and searches and services.settings.answer.degraded == "passages")
    headers = {} if passes else {"Retry-After": "5"}
    return JSONResponse({"ready": ready, "parts": parts}, 200 if passes else 503, headers=headers)


def _adapters(services: Services) -> str:
    """The loaded ones, and those that should be."""
    known = services.adapters.status()
    words = [one.ref if one.loaded else f"{one.ref} is not loaded" for one in known]
    return ", ".join(words) or "none"


@router.get(
    "/metrics",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    dependencies=[Depends(metrics_reader_of)],
)
async def metrics(services: Annotated[Services, Depends(services_of)]) -> Response:
    """Prometheus text."""
    breakers = {"engine": services.client.breaker_state, "search": services.resilience.search.state}
    page = services.metrics.page(
        engine_ready=services.engine.state is EngineState.READY,
        breakers=breakers,
        replicas=Counter(one.state.value for one in services.engine.replicas),
    )
    return Response(page, media_type=CONTENT_TYPE_LATEST)
