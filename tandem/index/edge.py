"""The index in this process: Qdrant Edge."""

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import qdrant_edge as qe

from tandem.errors import StorageError
from tandem.index.lock import OwnerLock
from tandem.index.points import BM25, DENSE, FILTERED, check_embedder, passage_of, payload_of, within
from tandem.index.protocol import Leg, Query, Vector
from tandem.settings import IndexSettings
from tandem.threads import in_thread
from tandem.vocabulary import Chunk, Passage, Scope


class EdgeIndex:
    """A Qdrant Edge shard in a folder that this process owns."""

    def __init__(self, shard: qe.EdgeShard, lock: OwnerLock, settings: IndexSettings) -> None:
        self._shard = shard
        self._lock = lock
        self._settings = settings
        self._bm25 = qe.Bm25()
        self._writing = threading.Lock()
        self._open = True

    @classmethod
    async def open(cls, folder: Path, settings: IndexSettings, *, dimension: int, fingerprint: str) -> Self:
        """Open or create the shard. Raises as `tandem.index.open_index` says."""
        return await in_thread(cls._open_now, folder, settings, dimension, fingerprint)

    @classmethod
    def _open_now(cls, folder: Path, settings: IndexSettings, dimension: int, fingerprint: str) -> Self:
        with _storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = OwnerLock(folder / "owner.lock")
            try:
                shard = _load_or_create(folder, dimension, fingerprint)
            except BaseException:
                lock.release()
                raise
        return cls(shard, lock, settings)

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        """See `Index.upsert`."""
        await in_thread(self._upsert, chunks, vectors)

    def _upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        points = [
            qe.Point(
                chunk.id,
                {DENSE: vector.tolist(), BM25: self._bm25.embed_document(chunk.text)},
                payload_of(chunk),
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        with self._writing, _storage_errors():
            self._shard.update(qe.UpdateOperation.upsert_points(points))
            self._shard.flush()

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        """See `Index.search`."""
        return await in_thread(self._search, scope, query)

    def _search(self, scope: Scope, query: Query) -> list[Passage]:
        dense = qe.Query.Nearest(query.vector.tolist(), using=DENSE)
        sparse = qe.Query.Nearest(self._bm25.embed_query(query.text), using=BM25)
        chosen = _filter(scope)
        if query.leg is Leg.HYBRID:
            candidates = max(self._settings.candidates, query.limit)
            request = qe.QueryRequest(
                limit=query.limit,
                prefetches=[
                    qe.Prefetch(candidates, query=dense, filter=chosen),
                    qe.Prefetch(candidates, query=sparse, filter=chosen),
                ],
                query=qe.Fusion.Rrf(  # type: ignore[arg-type]
                    self._settings.rrf_k, [self._settings.dense_weight, self._settings.sparse_weight]
                ),
                filter=chosen,
                with_payload=True,
                with_vector=[DENSE],
            )
        else:
            request = qe.QueryRequest(
                limit=query.limit,
                query=dense if query.leg is Leg.DENSE else sparse,
                filter=chosen,
                with_payload=True,
                with_vector=[DENSE],
            )
        with _storage_errors():
            hits = self._shard.query(request)
        passages = [
            passage_of(str(hit.id), hit.payload or {}, hit.score, hit.vector[DENSE], query.vector)  # type: ignore[index, call-overload, arg-type]
            for hit in hits
        ]
        return within(scope, passages)

    async def delete_version(self, tenant: str, document_id: str, version: str) -> None:
        """See `Index.delete_version`."""
        await in_thread(self._delete_version, tenant, document_id, version)

    def _delete_version(self, tenant: str, document_id: str, version: str) -> None:
        chosen = qe.Filter(
            must=[_is("tenant", tenant), _is("document_id", document_id), _is("version", version)]
        )
        with self._writing, _storage_errors():
            self._shard.update(qe.UpdateOperation.delete_points_by_filter(chosen))
            self._shard.flush()

    async def count(self, scope: Scope) -> int:
        """See `Index.count`."""
        return await in_thread(self._shard.count, qe.CountRequest(exact=True, filter=_filter(scope)))

    async def close(self) -> None:
        """See `Index.close`."""
        if self._open:
            self._open = False
            await in_thread(self._close)

    def _close(self) -> None:
        with self._writing:
            self._shard.close()
            self._lock.release()


def _load_or_create(folder: Path, dimension: int, fingerprint: str) -> qe.EdgeShard:
    """The shard; made anew where a crash left one without the note that is written last."""
    shard_dir, note = folder / "shard", folder / "embedder.json"
    if note.exists():
        check_embedder(json.loads(note.read_text()), dimension=dimension, fingerprint=fingerprint)
        return qe.EdgeShard.load(str(shard_dir))
    if shard_dir.exists():
        shard_dir.rename(folder / f"unfinished-{os.getpid()}")
    shard_dir.mkdir()
    config = qe.EdgeConfig(
        vectors={DENSE: qe.EdgeVectorParams(dimension, qe.Distance.Cosine)},
        sparse_vectors={BM25: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf)},
    )
    shard = qe.EdgeShard.create(str(shard_dir), config)
    for key in FILTERED:
        shard.update(qe.UpdateOperation.create_field_index(key, qe.PayloadSchemaType.Keyword))
    shard.flush()
    fresh = note.with_suffix(".new")
    fresh.write_text(json.dumps({"dimension": dimension, "fingerprint": fingerprint}))
    fresh.replace(note)
    return shard


def _filter(scope: Scope) -> qe.Filter:
    """The one place where a scope becomes a filter of this engine."""
    must: list[qe.FieldCondition] = [_is("tenant", scope.tenant)]
    if scope.corpora is not None:
        must.append(qe.FieldCondition("corpus", match=qe.MatchAny(list(scope.corpora))))
    return qe.Filter(must=must)  # type: ignore[arg-type]


def _is(key: str, value: str) -> qe.FieldCondition:
    return qe.FieldCondition(key, match=qe.MatchValue(value))


@contextmanager
def _storage_errors(folder: Path | None = None) -> Iterator[None]:
    """What the disk or the engine refuses, as our error."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        raise StorageError(
            f"The index{f' {folder}' if folder else ''} cannot be read or written: {error}",
            hint="Check free space and permissions of the data folder.",
        ) from error
