"""`/api/keys`: made, listed, rotated and revoked by an admin for its tenant, by an operator for all."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from server.api.identity import admin_of, services_of
from server.services import Services
from tandem.keys import IssuedKey, KeyWish, create_key, keys_for, revoke_key, rotate_key
from tandem.store import ApiKey
from tandem.threads import in_thread
from tandem.vocabulary import Caller, KeyScope

router = APIRouter(prefix="/api/keys", tags=["keys"])

Id = Annotated[str, Path(max_length=32)]
Parts = Annotated[Services, Depends(services_of)]
Admin = Annotated[Caller, Depends(admin_of)]
_LONGEST_S = 10 * 366 * 86_400
_LONGEST_OVERLAP_S = 30 * 86_400


class KeyBody(BaseModel):
    """A key without its secret. `groups` is empty for unrestricted documents only, and null for all."""

    id: str
    tenant: str
    name: str
    scopes: list[KeyScope]
    groups: list[str] | None
    state: str
    """`active`, `expired` or `revoked`."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    rotated_at: datetime | None
    old_until: datetime | None
    """Until then the secret before the last rotation holds, too."""
    revoked_at: datetime | None
    last_used: datetime | None
    """To the minute."""


class IssuedKeyBody(KeyBody):
    """A key with its text, which is shown here and never again."""

    key: str


class KeyList(BaseModel):
    """Keys, newest first."""

    keys: list[KeyBody]


class CreateKeyBody(BaseModel):
    """A key to make."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=200)
    scopes: list[KeyScope] = Field(min_length=1, max_length=len(KeyScope))
    tenant: str | None = Field(None, max_length=64, description="Your own by default; another for operators.")
    groups: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list,
        max_length=100,
        description="Access groups: none sees unrestricted documents only, `*` every document.",
    )
    expires_in_s: int | None = Field(None, ge=1, le=_LONGEST_S, description="Seconds; never by default.")


class RotateKeyBody(BaseModel):
    """How long the secret before holds beside the new one."""

    model_config = ConfigDict(extra="forbid")
    overlap_s: int = Field(0, ge=0, le=_LONGEST_OVERLAP_S)


@router.post("", status_code=201)
async def create_api_key(
    body: CreateKeyBody, response: Response, caller: Admin, services: Parts
) -> IssuedKeyBody:
    """Make a key that allows no more than the one that asks. Its text is shown once."""
    wish = KeyWish(
        name=body.name,
        scopes=frozenset(body.scopes),
        tenant=body.tenant,
        groups=tuple(body.groups),
        expires_in=None if body.expires_in_s is None else timedelta(seconds=body.expires_in_s),
    )
    issued = await in_thread(create_key, services.store, caller, wish)
    response.headers["Cache-Control"] = "no-store"
    return issued_key_body(issued)


@router.get("")
async def list_api_keys(caller: Admin, services: Parts) -> KeyList:
    """The keys of your tenant; of all tenants for an operator."""
    found = await in_thread(keys_for, services.store, caller)
    return KeyList(keys=[key_body(key) for key in found])


@router.post("/{id}/rotate")
async def rotate_api_key(
    id: Id,  # noqa: A002 - the path's own word
    response: Response,
    caller: Admin,
    services: Parts,
    body: RotateKeyBody | None = None,
) -> IssuedKeyBody:
    """Give a key another secret, which is shown once."""
    overlap = timedelta(seconds=body.overlap_s if body else 0)
    issued = await in_thread(rotate_key, services.store, caller, id, overlap)
    await services.principals.keyring.refresh()
    response.headers["Cache-Control"] = "no-store"
    return issued_key_body(issued)


@router.delete("/{id}")
async def revoke_api_key(id: Id, caller: Admin, services: Parts) -> KeyBody:  # noqa: A002
    """Let a key hold no longer, on every server within a second."""
    revoked = await in_thread(revoke_key, services.store, caller, id)
    await services.principals.keyring.refresh()
    return key_body(revoked)


def key_body(key: ApiKey) -> KeyBody:
    """A key as it is sent."""
    now = datetime.now(UTC)
    return KeyBody(
        id=key.id,
        tenant=key.tenant,
        name=key.name,
        scopes=sorted(key.scopes),
        groups=None if key.groups is None else list(key.groups),
        state=key.state(now),
        created_at=key.created_at,
        created_by=key.created_by,
        expires_at=key.expires_at,
        rotated_at=key.rotated_at,
        old_until=key.old_until if key.old_until is not None and key.old_until > now else None,
        revoked_at=key.revoked_at,
        last_used=key.last_used,
    )


def issued_key_body(issued: IssuedKey) -> IssuedKeyBody:
    """A key as it is sent once."""
    return IssuedKeyBody(**key_body(issued.key).model_dump(), key=issued.text)
