"""`/api/audit`: who changed what."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from server.api.identity import admin_of, operator_of, services_of
from server.services import Services
from tandem.threads import in_thread
from tandem.vocabulary import Caller, KeyScope

router = APIRouter(prefix="/api/audit", tags=["operations"])


class AuditEntryBody(BaseModel):
    """One change. `tenant` is `*` where what was changed serves every tenant."""

    number: int
    at: datetime
    tenant: str
    subject: str
    action: str
    object: str
    details: dict[str, Any]
    previous: str
    hash: str


class AuditList(BaseModel):
    """Changes, newest first; ask for those before `next` to go on, where there is one."""

    entries: list[AuditEntryBody]
    next: int | None


class AuditHead(BaseModel):
    """The log is whole: how many entries, and the hash of the newest. Kept elsewhere, it shows a log cut short."""

    entries: int
    hash: str


@router.get("")
async def list_audit(
    caller: Annotated[Caller, Depends(admin_of)],
    services: Annotated[Services, Depends(services_of)],
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> AuditList:
    """Changes in the caller's tenant; an operator sees all."""
    tenant = None if caller.may(KeyScope.OPERATOR) else caller.tenant
    found = await in_thread(services.store.audit_entries, tenant, before=before, limit=limit)
    bodies = [AuditEntryBody.model_validate(one, from_attributes=True) for one in found]
    return AuditList(entries=bodies, next=found[-1].number if len(found) == limit else None)


@router.get("/head")
async def audit_head(
    caller: Annotated[Caller, Depends(operator_of)],
    services: Annotated[Services, Depends(services_of)],
) -> AuditHead:
    """Look at every entry. An entry that is missing or changed is an error, 507."""
    entries, digest = await in_thread(services.store.verify_audit)
    return AuditHead(entries=entries, hash=digest)
