"""The index on a Qdrant server, through the official asynchronous client."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import qdrant_edge as qe
from qdrant_client import AsyncQdrantClient, models

from tandem.errors import SettingsError, UnavailableError
from tandem.index.foreign import ForeignHits
from tandem.index.fusion import fuse
from tandem.index.marks import EXPIRY, GROUPS, AnyOf, conditions, of_document, one_version
from tandem.index.points import (
    BM25,
    DENSE,
    check_embedder,
    chunk_of,
    fused_passages,
    passages_of,
    payload_of,
    within,
)
from tandem.index.protocol import Leg, Query, Vector
from tandem.index.server_collection import create, index_payload
from tandem.index.server_errors import out_of_reach
from tandem.settings import IndexSettings
from tandem.threads import in_thread
from tandem.vocabulary import Chunk, Passage, Scope

T = TypeVar("T")

_BATCH = 256
"""Points in one request."""
_GRPC_PORT = 6334


def connect(settings: IndexSettings) -> AsyncQdrantClient:
    """A client of the server at `settings.url`. Its certificate is checked against `settings.ca_file`, if that is set.

    Raises `SettingsError` where that file is none.
    """
    trusted = None if settings.ca_file is None else _trusting(settings.ca_file)
    return AsyncQdrantClient(
        url=settings.url,
        api_key=settings.api_key,
        prefer_grpc=settings.grpc_port is not None,
        grpc_port=settings.grpc_port or _GRPC_PORT,
        # HTTP and gRPC each want the authority in their own way.
        verify=trusted or True,
        grpc_options={"root_certificates": settings.ca_file.read_bytes()} if settings.ca_file else None,
        check_compatibility=False,
    )


def _trusting(authority: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # an SSLError is one too
        raise SettingsError(
            f"{authority} is no certificate: {error}",
            param="index.ca_file",
            hint="It is a text file that begins with -----BEGIN CERTIFICATE-----.",
        ) from error


class ServerIndex:
    """A collection of a Qdrant server."""

    def __init__(self, client: AsyncQdrantClient, settings: IndexSettings) -> None:
        self._client = client
        self._settings = settings
        # The same vectors as the server's own BM25 would make, so the sparse leg needs no model there.
        self._bm25 = qe.Bm25()
        self._foreign = ForeignHits()

    @classmethod
    async def open(
        cls, client: AsyncQdrantClient, settings: IndexSettings, *, dimension: int, fingerprint: str
    ) -> Self:
        """Open or create the collection. Raises as `tandem.index.open_index` says."""
        name = settings.collection
        embedder = {"dimension": dimension, "fingerprint": fingerprint}
        with out_of_reach():
            if await client.collection_exists(name):
                recorded = (await client.get_collection(name)).config.metadata or {}
                check_embedder(recorded, dimension=dimension, fingerprint=fingerprint)
                await index_payload(client, settings)
                return cls(client, settings)
            await create(client, settings, dimension=dimension, embedder=embedder)
            await index_payload(client, settings)
        return cls(client, settings)

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        """See `Index.upsert`."""
        points = [
            models.PointStruct(
                id=chunk.id,
                vector={DENSE: vector.tolist(), BM25: _sparse(self._bm25.embed_document(chunk.indexed_text))},
                payload=payload_of(chunk),
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        with out_of_reach():
            for start in range(0, len(points), _BATCH):
                await self._client.upsert(
                    self._settings.collection, points[start : start + _BATCH], wait=True
                )

    async def search_with(
        self, scope: Scope, query: Query, look: Callable[[list[Passage]], T]
    ) -> tuple[list[Passage], T]:
        """See `Index.search_with`."""
        found = await self.search(scope, query)
        return found, await in_thread(look, found)

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        """See `Index.search`."""
        # One request has both legs, so the vector is waited for.
        if isinstance(query.coming, Future):
            vector: Vector = await asyncio.wrap_future(query.coming)
            query = replace(query, coming=vector)
        dense, sparse = query.vector.tolist(), _sparse(self._bm25.embed_query(query.text))
        near = models.SearchParams(exact=query.exact)
        now = time.time()
        chosen = _filter(conditions(scope), now, query.besides)
        async with _searching(self._settings.timeout_s):
            if query.leg is Leg.HYBRID:
                passages = await self._hybrid(query, dense, sparse, near, chosen)
            else:
                found = await self._client.query_points(
                    self._settings.collection,
                    query=dense if query.leg is Leg.DENSE else sparse,
                    using=query.leg.value,
                    query_filter=chosen,
                    search_params=near,
                    limit=query.limit,
                    with_vectors=[DENSE],
                )
                passages = passages_of(found.points, query)
        return within(scope, passages, now, self._foreign)

    def foreign_hits(self) -> int:
        """See `Index.foreign_hits`."""
        return self._foreign.taken()

    async def _hybrid(
        self,
        query: Query,
        dense: list[float],
        sparse: models.SparseVector,
        near: models.SearchParams,
        chosen: models.Filter,
    ) -> list[Passage]:
        """Both legs in one request, with what they hold, for a second request costs more than the payload."""
        wanted = max(query.fusion.candidates, query.limit)
        legs = await self._client.query_batch_points(
            self._settings.collection,
            [
                models.QueryRequest(
                    query=vector,
                    using=name,
                    filter=chosen,
                    params=near if name == DENSE else None,
                    limit=wanted,
                    with_payload=True,
                    with_vector=[DENSE],
                )
                for name, vector in ((DENSE, dense), (BM25, sparse))
            ],
        )
        hits = [[(str(hit.id), hit.score) for hit in leg.points] for leg in legs]
        points = {
            str(hit.id): (hit.payload or {}, hit.vector[DENSE])  # type: ignore[index, call-overload]
            for leg in legs
            for hit in leg.points
        }
        best = fuse(hits[0], hits[1], query.fusion)[: query.limit]
        return fused_passages((hits[0], hits[1]), best, points, query)  # type: ignore[arg-type]

    async def delete_version(self, tenant: str, document_id: str, version: str) -> int:
        """See `Index.delete_version`."""
        return await self._delete(_filter(one_version(tenant, document_id, version)))

    async def set_expiry(
        self, tenant: str, document_id: str, version: str, expires_at: datetime | None
    ) -> None:
        """See `Index.set_expiry`."""
        name = self._settings.collection
        chosen = models.FilterSelector(filter=_filter(one_version(tenant, document_id, version)))
        with out_of_reach():
            if expires_at is None:
                await self._client.delete_payload(name, [EXPIRY], chosen, wait=True)
            else:
                moment = {EXPIRY: expires_at.timestamp()}
                await self._client.set_payload(name, moment, chosen, wait=True)

    async def set_groups(self, tenant: str, document_id: str, groups: tuple[str, ...]) -> None:
        """See `Index.set_groups`."""
        name = self._settings.collection
        chosen = models.FilterSelector(filter=_filter(of_document(tenant, document_id)))
        with out_of_reach():
            if groups:
                await self._client.set_payload(name, {GROUPS: list(groups)}, chosen, wait=True)
            else:
                await self._client.delete_payload(name, [GROUPS], chosen, wait=True)

    async def delete(self, tenant: str, corpus: str | None = None) -> int:
        """See `Index.delete`."""
        return await self._delete(_filter(conditions(Scope(tenant, None if corpus is None else (corpus,)))))

    async def _delete(self, chosen: models.Filter) -> int:
        name = self._settings.collection
        with out_of_reach():
            there = (await self._client.count(name, count_filter=chosen, exact=True)).count
            await self._client.delete(name, models.FilterSelector(filter=chosen), wait=True)
        return there

    async def count(self, scope: Scope) -> int:
        """See `Index.count`."""
        chosen = _filter(conditions(scope))
        with out_of_reach():
            return (
                await self._client.count(self._settings.collection, count_filter=chosen, exact=True)
            ).count

    async def chunks(self) -> AsyncIterator[Chunk]:
        """See `Index.chunks`."""
        start: models.ExtendedPointId | None = None
        while True:
            with out_of_reach():
                records, start = await self._client.scroll(
                    self._settings.collection, offset=start, limit=_BATCH, with_payload=True
                )
            for record in records:
                yield chunk_of(str(record.id), record.payload or {})
            if start is None:
                return

    async def points(self) -> AsyncIterator[tuple[list[Chunk], Vector]]:
        """See `Index.points`."""
        start: models.ExtendedPointId | None = None
        while True:
            with out_of_reach():
                records, start = await self._client.scroll(
                    self._settings.collection,
                    offset=start,
                    limit=_BATCH,
                    with_payload=True,
                    with_vectors=[DENSE],
                )
            if records:
                chunks = [chunk_of(str(record.id), record.payload or {}) for record in records]
                vectors = [record.vector[DENSE] for record in records]  # type: ignore[index, call-overload]
                yield chunks, np.array(vectors, np.float32)
            if start is None:
                return

    async def compact(self, *, at_once: bool = False) -> bool:
        """See `Index.compact`."""
        return False

    async def close(self) -> None:
        """See `Index.close`."""
        await self._client.close()


@asynccontextmanager
async def _searching(timeout_s: float) -> AsyncIterator[None]:
    """What an answer waits for: no longer than `timeout_s`, and nothing that is no search result."""
    try:
        async with asyncio.timeout(timeout_s):
            with out_of_reach():
                yield
    except TimeoutError as error:
        raise UnavailableError(
            f"The Qdrant server does not answer within {timeout_s:g} s",
            hint="See its load and its log; for a slow one raise index.timeout_s.",
            retry_after=5,
        ) from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise UnavailableError(
            f"The Qdrant server's answer cannot be read: {type(error).__name__}: {error}",
            hint="Is index.url that of a Qdrant server, and index.collection one of Tandem's?",
            retry_after=5,
        ) from error


def _sparse(vector: qe.SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=vector.indices, values=vector.values)


async def drop(client: AsyncQdrantClient, collection: str) -> None:
    """Remove a collection; nothing happens if there is none."""
    with out_of_reach():
        await client.delete_collection(collection)


def _filter(
    wanted: Iterable[AnyOf], now: float | None = None, besides: Iterable[tuple[str, str]] = ()
) -> models.Filter:
    """The one place where conditions become a filter of this engine; with `now`, what is over is left out."""
    out: list[models.Condition] = (
        [] if now is None else [models.FieldCondition(key=EXPIRY, range=models.Range(lte=now))]
    )
    out += [_filter(one_version(None, document, version)) for document, version in sorted(besides)]
    return models.Filter(must=[_condition(one) for one in wanted], must_not=out)


def _condition(one: AnyOf) -> models.Filter:
    # Each once, as the server's interface asks.
    strings = list(dict.fromkeys(one.strings))
    accepted = [models.FieldCondition(key=one.key, match=models.MatchAny(any=strings))]
    accepted += [
        models.FieldCondition(key=one.key, match=models.MatchValue(value=flag)) for flag in one.flags
    ]
    accepted += [
        models.FieldCondition(key=one.key, range=models.Range(gte=each.least, lte=each.most))
        for each in one.ranges
    ]
    nothing: list[models.Condition] = []
    if one.or_nothing:
        nothing.append(models.IsEmptyCondition(is_empty=models.PayloadField(key=one.key)))
    return models.Filter(should=[*nothing, *accepted])
