"""`/api/reindex`: re-embedding of all documents, and which collection answers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict

from ingest.reindexing import wish_of
from tandem.settings import Settings
from tandem.store import CollectionRecord, Reindexing, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller


class ReindexRequest(BaseModel):
    """What is wanted. Another model than the settings' is named on the command line only."""

    model_config = ConfigDict(extra="forbid")

    back: bool = False
    """Go back to the collection that answered before; else re-embed with the embedder of the settings."""


class ReindexingBody(BaseModel):
    """A re-embedding, and how far it is."""

    id: str
    state: Literal["queued", "running", "done", "failed"]
    wanted: str
    documents: int
    total: int
    chunks: int
    created_at: datetime
    ended_at: datetime | None
    error: dict[str, Any] | None


class CollectionBody(BaseModel):
    """A collection and the embedder that its vectors are of."""

    name: str
    state: Literal["building", "active", "retired"]
    embedder: str
    fingerprint: str
    dimension: int
    created_at: datetime
    switched_at: datetime | None


class ReindexState(BaseModel):
    """The latest re-embedding, if there was one, and all collections; the active one answers."""

    reindexing: ReindexingBody | None
    collections: list[CollectionBody]


def reindexing_router(
    store: Store, settings: Settings, caller_of: Callable[[Request], Awaitable[Caller]]
) -> APIRouter:
    """The routes of re-embedding."""
    router = APIRouter(prefix="/api/reindex", tags=["operations"], dependencies=[Depends(caller_of)])

    @router.post("", status_code=202)
    async def start_reindexing(
        wanted: ReindexRequest, caller: Annotated[Caller, Depends(caller_of)]
    ) -> ReindexingBody:
        """Begin, or go on with what was interrupted. Answered at once; the work goes on."""
        wish = None if wanted.back else wish_of(settings, None, "", "")
        return _body(await in_thread(store.request_reindexing, wish, caller.subject))

    @router.get("")
    async def get_reindexing() -> ReindexState:
        """How far it is, and which collection answers."""
        last = await in_thread(store.reindexing)
        known = await in_thread(store.collections)
        return ReindexState(
            reindexing=None if last is None else _body(last),
            collections=[_collection_body(one) for one in known],
        )

    return router


def _body(one: Reindexing) -> ReindexingBody:
    return ReindexingBody.model_validate(one, from_attributes=True)


def _collection_body(one: CollectionRecord) -> CollectionBody:
    return CollectionBody(
        name=one.name,
        state=one.state,
        embedder=one.embedding["model"],
        fingerprint=one.fingerprint,
        dimension=one.dimension,
        created_at=one.created_at,
        switched_at=one.switched_at,
    )
