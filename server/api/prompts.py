"""`/api/prompts`: versions of prompts, saved, compared, tagged and restored."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from server.api.identity import admin_of, caller_of, services_of
from server.services import Services
from tandem.prompts import check_name, check_prompt, diff
from tandem.store import PromptVersion
from tandem.threads import in_thread
from tandem.vocabulary import Caller

router = APIRouter(prefix="/api/prompts", tags=["prompts"])

Name = Annotated[str, Path(max_length=64)]
Version = Annotated[str, Field(min_length=1, max_length=64)]
Parts = Annotated[Services, Depends(services_of)]
AnyCaller = Annotated[Caller, Depends(caller_of)]
Admin = Annotated[Caller, Depends(admin_of)]
_MOST_NOTE = 2_000


class PromptVersionBody(BaseModel):
    """A version of a prompt. `hash` is the SHA-256 of its text."""

    name: str
    number: int
    hash: str
    author: str
    note: str
    created_at: datetime
    tags: tuple[str, ...]


class PromptBody(PromptVersionBody):
    """A version with its text."""

    text: str


class PromptList(BaseModel):
    """The newest version of every prompt, by name."""

    prompts: list[PromptVersionBody]


class PromptHistory(BaseModel):
    """The versions of a prompt, newest first."""

    versions: list[PromptVersionBody]


class DiffBody(BaseModel):
    """A unified diff; empty where the texts are equal."""

    before: str
    after: str
    diff: str


class SavePromptBody(BaseModel):
    """A text to save. The same text as the newest version makes no new one."""

    model_config = ConfigDict(extra="forbid")
    name: str
    text: str
    note: str = Field("", max_length=_MOST_NOTE)


class TagBody(BaseModel):
    """The version that the tag is to mean: a number, the first digits of a hash, or a tag."""

    model_config = ConfigDict(extra="forbid")
    version: Version


class RestoreBody(BaseModel):
    """The version whose text is to be the newest."""

    model_config = ConfigDict(extra="forbid")
    version: Version
    note: str = Field("", max_length=_MOST_NOTE)


@router.get("")
async def list_prompts(caller: AnyCaller, services: Parts) -> PromptList:
    """All prompts."""
    return PromptList(prompts=[_version(one) for one in await in_thread(services.store.prompts)])


@router.post("", status_code=201, responses={200: {"description": "The newest version has this text"}})
async def save_prompt(body: SavePromptBody, response: Response, caller: Admin, services: Parts) -> PromptBody:
    """Save a text; a changed one becomes a new version. What could not answer is refused."""
    check_name(body.name)
    text = await in_thread(check_prompt, body.text)
    saved, made = await in_thread(services.store.save_prompt, body.name, text, caller.subject, body.note)
    response.status_code = 201 if made else 200
    return _whole(saved)


@router.get("/{name}")
async def get_prompt(name: Name, caller: AnyCaller, services: Parts) -> PromptBody:
    """The newest version of a prompt."""
    return _whole(await in_thread(services.store.prompt, name))


@router.get("/{name}/versions")
async def prompt_history(
    name: Name, caller: AnyCaller, services: Parts, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> PromptHistory:
    """The versions of a prompt, newest first."""
    found = await in_thread(services.store.prompt_history, name, limit)
    return PromptHistory(versions=[_version(one) for one in found])


@router.get("/{name}/versions/{version}")
async def get_prompt_version(
    name: Name, version: Annotated[str, Path(max_length=64)], caller: AnyCaller, services: Parts
) -> PromptBody:
    """One version: by its number, the first digits of its hash (8 at least), or a tag."""
    return _whole(await in_thread(services.store.prompt, name, version))


@router.get("/{name}/diff")
async def diff_prompt(
    name: Name,
    caller: AnyCaller,
    services: Parts,
    before: Annotated[str, Query(min_length=1, max_length=64)],
    after: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> DiffBody:
    """What has changed from one version to another, the newest by default."""
    old = await in_thread(services.store.prompt, name, before)
    new = await in_thread(services.store.prompt, name, after)
    return DiffBody(
        before=old.label,
        after=new.label,
        diff=await in_thread(diff, old.text, new.text, old.label, new.label),
    )


@router.put("/{name}/tags/{tag}")
async def tag_prompt(
    name: Name, tag: Annotated[str, Path(max_length=64)], body: TagBody, caller: Admin, services: Parts
) -> PromptVersionBody:
    """Let a tag mean a version, whatever it meant before."""
    return _version(await in_thread(services.store.tag_prompt, name, tag, body.version, caller.tenant))


@router.delete("/{name}/tags/{tag}", status_code=204)
async def untag_prompt(
    name: Name, tag: Annotated[str, Path(max_length=64)], caller: Admin, services: Parts
) -> None:
    """Take a tag away; the version stays."""
    await in_thread(services.store.untag_prompt, name, tag, caller.subject)


@router.post("/{name}/restore", status_code=201)
async def restore_prompt(name: Name, body: RestoreBody, caller: Admin, services: Parts) -> PromptBody:
    """Let an old text be the newest version."""
    restored = await in_thread(services.store.restore_prompt, name, body.version, caller.subject, body.note)
    return _whole(restored)


def _version(version: PromptVersion) -> PromptVersionBody:
    return PromptVersionBody.model_validate(version, from_attributes=True)


def _whole(version: PromptVersion) -> PromptBody:
    return PromptBody.model_validate(version, from_attributes=True)
