"""The index on a Qdrant server, through the official asynchronous client."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import qdrant_edge as qe
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException

from tandem.errors import UnavailableError
from tandem.index.points import BM25, DENSE, FILTERED, check_embedder, passage_of, payload_of, within
from tandem.index.protocol import Leg, Query, Vector
from tandem.settings import IndexSettings
from tandem.vocabulary import Chunk, Passage, Scope

_BATCH = 256
"""Points in one request."""


def connect(settings: IndexSettings) -> AsyncQdrantClient:
    """A client of the server at `settings.url`."""
    return AsyncQdrantClient(url=settings.url, api_key=settings.api_key, check_compatibility=False)


class ServerIndex:
    """A collection of a Qdrant server."""

    def __init__(self, client: AsyncQdrantClient, settings: IndexSettings) -> None:
        self._client = client
        self._settings = settings
        # The same vectors as the server's own BM25 would make, so the sparse leg needs no model there.
        self._bm25 = qe.Bm25()

    @classmethod
    async def open(
        cls, client: AsyncQdrantClient, settings: IndexSettings, *, dimension: int, fingerprint: str
    ) -> Self:
        """Open or create the collection. Raises as `tandem.index.open_index` says."""
        name = settings.collection
        embedder = {"dimension": dimension, "fingerprint": fingerprint}
        with _out_of_reach():
            if await client.collection_exists(name):
                recorded = (await client.get_collection(name)).config.metadata or {}
                check_embedder(recorded, dimension=dimension, fingerprint=fingerprint)
                return cls(client, settings)
            await client.create_collection(
                name,
                vectors_config={DENSE: models.VectorParams(size=dimension, distance=models.Distance.COSINE)},
                sparse_vectors_config={BM25: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                metadata=embedder,
            )
            for key in FILTERED:
                schema = models.KeywordIndexParams(
                    type=models.KeywordIndexType.KEYWORD, is_tenant=key == "tenant"
                )
                await client.create_payload_index(name, key, schema)
        return cls(client, settings)

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        """See `Index.upsert`."""
        points = [
            models.PointStruct(
                id=chunk.id,
                vector={DENSE: vector.tolist(), BM25: _sparse(self._bm25.embed_document(chunk.text))},
                payload=payload_of(chunk),
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        with _out_of_reach():
            for start in range(0, len(points), _BATCH):
                await self._client.upsert(
                    self._settings.collection, points[start : start + _BATCH], wait=True
                )

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        """See `Index.search`."""
        dense, sparse = query.vector.tolist(), _sparse(self._bm25.embed_query(query.text))
        chosen = _filter(scope)
        with _out_of_reach():
            if query.leg is Leg.HYBRID:
                candidates = max(self._settings.candidates, query.limit)
                weights = [self._settings.dense_weight, self._settings.sparse_weight]
                found = await self._client.query_points(
                    self._settings.collection,
                    prefetch=[
                        models.Prefetch(query=dense, using=DENSE, filter=chosen, limit=candidates),
                        models.Prefetch(query=sparse, using=BM25, filter=chosen, limit=candidates),
                    ],
                    query=models.RrfQuery(rrf=models.Rrf(k=self._settings.rrf_k, weights=weights)),
                    query_filter=chosen,
                    limit=query.limit,
                    with_vectors=[DENSE],
                )
            else:
                found = await self._client.query_points(
                    self._settings.collection,
                    query=dense if query.leg is Leg.DENSE else sparse,
                    using=query.leg.value,
                    query_filter=chosen,
                    limit=query.limit,
                    with_vectors=[DENSE],
                )
        passages = [
            passage_of(str(hit.id), hit.payload or {}, hit.score, hit.vector[DENSE], query.vector)  # type: ignore[index, call-overload, arg-type]
            for hit in found.points
        ]
        return within(scope, passages)

    async def delete_version(self, tenant: str, document_id: str, version: str) -> None:
        """See `Index.delete_version`."""
        chosen = models.Filter(
            must=[_is("tenant", tenant), _is("document_id", document_id), _is("version", version)]
        )
        with _out_of_reach():
            await self._client.delete(self._settings.collection, models.FilterSelector(filter=chosen))

    async def count(self, scope: Scope) -> int:
        """See `Index.count`."""
        with _out_of_reach():
            return (await self._client.count(self._settings.collection, count_filter=_filter(scope))).count

    async def close(self) -> None:
        """See `Index.close`."""
        await self._client.close()


def _sparse(vector: qe.SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=vector.indices, values=vector.values)


def _filter(scope: Scope) -> models.Filter:
    """The one place where a scope becomes a filter of this engine."""
    must = [_is("tenant", scope.tenant)]
    if scope.corpora is not None:
        must.append(models.FieldCondition(key="corpus", match=models.MatchAny(any=list(scope.corpora))))
    return models.Filter(must=list(must))


def _is(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


@contextmanager
def _out_of_reach() -> Iterator[None]:
    try:
        yield
    except (ResponseHandlingException, ApiException) as error:
        raise UnavailableError(
            f"The Qdrant server does not serve: {error}",
            hint="Check index.url, index.api_key and the server's log.",
            retry_after=5,
        ) from error
