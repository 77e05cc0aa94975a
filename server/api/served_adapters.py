"""`/api/served-adapters` and `/api/adapters/NAME/NUMBER/served`: registered adapters at the engine."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from server.adapters import AdapterStatus
from server.api.identity import evaluator_of, operator_of, services_of
from server.services import Services
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api", tags=["adapters"])

Name = Annotated[str, Path(max_length=64)]
Version = Annotated[str, Path(max_length=64)]
Parts = Annotated[Services, Depends(services_of)]


class AdapterStatusBody(BaseModel):
    """A registered adapter at the engine. A `pinned` one is loaded again whenever the engine has lost it."""

    adapter: str
    """`NAME@NUMBER`, its name at the engine."""
    pinned: bool
    loaded: bool
    in_flight: int
    failure: str | None


class ServedAdaptersBody(BaseModel):
    """The adapters that are loaded, or should be."""

    adapters: list[AdapterStatusBody]


@router.get("/served-adapters")
async def list_served(
    caller: Annotated[Caller, Depends(evaluator_of)], services: Parts
) -> ServedAdaptersBody:
    """What is loaded at the engine, and what should be."""
    return ServedAdaptersBody(adapters=[_body(one) for one in services.adapters.status()])


@router.put("/adapters/{name}/{version}/served")
async def serve_adapter(
    name: Name, version: Version, caller: Annotated[Caller, Depends(operator_of)], services: Parts
) -> AdapterStatusBody:
    """Load a version, by number or tag, and keep it loaded, also after a restart of Tandem or vLLM."""
    return _body(await services.adapters.load(f"{name}@{version}", caller.tenant))


@router.delete("/adapters/{name}/{version}/served")
async def release_adapter(
    name: Name, version: Version, caller: Annotated[Caller, Depends(operator_of)], services: Parts
) -> AdapterStatusBody:
    """Keep it loaded no longer: it is unloaded when the last request to it has ended."""
    return _body(await services.adapters.unload(f"{name}@{version}"))


def _body(status: AdapterStatus) -> AdapterStatusBody:
    return AdapterStatusBody(
        adapter=status.ref,
        pinned=status.pinned,
        loaded=status.loaded,
        in_flight=status.in_flight,
        failure=status.failure,
    )
