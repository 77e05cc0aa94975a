"""`/api/adapters`: registered versions of LoRA weights, and their tags."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from server.api.identity import admin_of, caller_of, services_of
from server.services import Services
from tandem.adapters import AdapterRegistry, AdapterVersion
from tandem.adapters.version_file import CARD
from tandem.errors import NotFoundError
from tandem.store import TagMove
from tandem.threads import in_thread
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api/adapters", tags=["adapters"])

Name = Annotated[str, Path(max_length=64)]
Version = Annotated[str, Path(max_length=64)]
AnyCaller = Annotated[Caller, Depends(caller_of)]
Admin = Annotated[Caller, Depends(admin_of)]
_MOST_NOTE = 2_000


class AdapterFileBody(BaseModel):
    """One file of a version."""

    sha256: str
    size: int


class AdapterBody(BaseModel):
    """A version of an adapter. `ref` is its name at the engine and in recipes."""

    ref: str
    name: str
    number: int
    base: str
    base_hash: str
    data_hash: str
    rank: int
    size: int
    """Bytes of all files."""
    seconds: float
    """Time that the training took."""
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    created_at: datetime
    author: str
    note: str
    tags: tuple[str, ...]
    served_unmerged: bool
    """Whether vLLM serves it as an adapter."""
    unserved: tuple[str, ...]
    """Why it does not."""


class AdapterDetailBody(AdapterBody):
    """A version with its files and its card in Markdown."""

    files: dict[str, AdapterFileBody]
    card: str


class AdapterList(BaseModel):
    """All versions by name, the newest first."""

    adapters: list[AdapterBody]


class TagMoveBody(BaseModel):
    """A tag came to a version, or was taken away: then there is no number."""

    tag: str
    number: int | None
    author: str
    reason: str
    moved_at: datetime


class AdapterHistory(BaseModel):
    """The versions of one adapter and the moves of its tags, both newest first."""

    name: str
    versions: list[AdapterBody]
    tag_moves: list[TagMoveBody]


class AdapterTagBody(BaseModel):
    """The version that the tag is to mean. With `expected`, only if it is on that number now; 0: on none."""

    model_config = ConfigDict(extra="forbid")
    version: str = Field(min_length=1, max_length=64)
    reason: str = Field("", max_length=_MOST_NOTE)
    expected: int | None = Field(None, ge=0)


async def registry_of(services: Annotated[Services, Depends(services_of)]) -> AdapterRegistry:
    """The registry on this server's store."""
    return AdapterRegistry(services.settings.data_dir, services.store)


Registry = Annotated[AdapterRegistry, Depends(registry_of)]


@router.get("")
async def list_adapters(caller: AnyCaller, registry: Registry) -> AdapterList:
    """All versions of all adapters."""
    return AdapterList(adapters=[adapter_body(one) for one in await in_thread(registry.versions)])


@router.get("/{name}")
async def get_adapter(name: Name, caller: AnyCaller, registry: Registry) -> AdapterHistory:
    """The versions of one adapter."""
    found = await in_thread(registry.versions, name)
    if not found:
        raise NotFoundError(f"There is no adapter {name!r}", param="name", hint="GET /api/adapters")
    moves = await in_thread(registry.tag_moves, name)
    return AdapterHistory(
        name=name,
        versions=[adapter_body(one) for one in found],
        tag_moves=[_move(one) for one in moves],
    )


@router.get("/{name}/{version}")
async def get_adapter_version(
    name: Name, version: Version, caller: AnyCaller, registry: Registry
) -> AdapterDetailBody:
    """One version, by its number or a tag."""
    found = await in_thread(registry.get, f"{name}@{version}")
    folder = await in_thread(registry.folder_of, found)
    card = await in_thread((folder / CARD).read_text, "utf-8")
    files = {one: AdapterFileBody(sha256=found.files[one], size=found.sizes[one]) for one in found.files}
    return AdapterDetailBody(**adapter_body(found).model_dump(), files=files, card=card)


@router.put("/{name}/tags/{tag}")
async def tag_adapter(
    name: Name,
    tag: Annotated[str, Path(max_length=64)],
    body: AdapterTagBody,
    caller: Admin,
    registry: Registry,
) -> AdapterBody:
    """Let a tag mean a version, whatever it meant before."""

    def move() -> AdapterVersion:
        ref = f"{name}@{body.version}"
        return registry.tag(ref, tag, author=caller.subject, reason=body.reason, expected=body.expected)

    return adapter_body(await in_thread(move))


@router.delete("/{name}/tags/{tag}", status_code=204)
async def untag_adapter(
    name: Name, tag: Annotated[str, Path(max_length=64)], caller: Admin, registry: Registry
) -> None:
    """Take a tag away; the version stays."""

    def take() -> None:
        registry.untag(name, tag, author=caller.subject)

    await in_thread(take)


def adapter_body(version: AdapterVersion) -> AdapterBody:
    """A version as it is sent."""
    facts = version.facts
    return AdapterBody(
        ref=version.ref,
        name=version.name,
        number=version.number,
        base=facts.base,
        base_hash=facts.base_hash,
        data_hash=facts.data_hash,
        rank=version.rank,
        size=version.size,
        seconds=facts.seconds,
        parameters=facts.parameters,
        metrics=facts.metrics,
        created_at=version.created_at,
        author=version.author,
        note=version.note,
        tags=version.tags,
        served_unmerged=version.served_unmerged,
        unserved=version.unserved,
    )


def _move(move: TagMove) -> TagMoveBody:
    return TagMoveBody.model_validate(move, from_attributes=True)
