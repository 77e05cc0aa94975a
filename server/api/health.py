"""`/healthz`, `/readyz` and `/metrics`: what operations asks."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from server.api.identity import metrics_reader_of, services_of
from server.services import Services
from tandem import __version__
from tandem.engine import EngineState
from tandem.errors import StorageError
from tandem.threads import in_thread

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process lives."""
    return {"status": "ok", "version": __version__}


@router.get("/readyz")
async def readyz(services: Annotated[Services, Depends(services_of)]) -> JSONResponse:
    """Whether questions can be answered now: 200, or 503 with the part that is missing."""
    engine = services.engine.state
    parts = {"engine": engine.value, "store": "ready", "index": "ready", "embedder": "ready"}
    try:
        await in_thread(services.store.check)
    except StorageError as error:
        parts["store"] = error.message
    champion = services.recipes.find(services.recipes.champion).model
    parts["adapters"] = _adapters(services)
    ready = (
        engine is EngineState.READY and parts["store"] == "ready" and services.adapters.is_loaded(champion)
    )
    headers = {} if ready else {"Retry-After": "5"}
    return JSONResponse({"ready": ready, "parts": parts}, 200 if ready else 503, headers=headers)


def _adapters(services: Services) -> str:
    """The loaded ones, and those that should be."""
    known = services.adapters.status()
    words = [one.ref if one.loaded else f"{one.ref} is not loaded" for one in known]
    return ", ".join(words) or "none"


@router.get("/metrics", dependencies=[Depends(metrics_reader_of)])
async def metrics(services: Annotated[Services, Depends(services_of)]) -> Response:
    """Prometheus text."""
    page = services.metrics.page(engine_ready=services.engine.state is EngineState.READY)
    return Response(page, media_type=CONTENT_TYPE_LATEST)
