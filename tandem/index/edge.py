"""The index in this process: Qdrant Edge."""

import json
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np
import qdrant_edge as qe

from tandem.errors import StorageError
from tandem.index.lock import OwnerLock
from tandem.index.marks import EXPIRY, AnyOf, conditions, one_version
from tandem.index.points import (
    BM25,
    DENSE,
    KEYWORDS,
    NUMBERS,
    check_embedder,
    chunk_of,
    passage_of,
    payload_of,
    within,
)
from tandem.index.protocol import Leg, Query, Vector
from tandem.settings import IndexSettings
from tandem.threads import in_thread
from tandem.vocabulary import Chunk, Passage, Scope

_PAGE = 256
"""Chunks read in one go where all are read."""


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
                _index_payload(shard, settings)
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
                {DENSE: vector.tolist(), BM25: self._bm25.embed_document(chunk.indexed_text)},
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
        now = time.time()
        chosen = _filter(conditions(scope), now)
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
        return within(scope, passages, now)

    async def delete_version(self, tenant: str, document_id: str, version: str) -> int:
        """See `Index.delete_version`."""
        return await in_thread(self._delete, _filter(one_version(tenant, document_id, version)))

    async def set_expiry(
        self, tenant: str, document_id: str, version: str, expires_at: datetime | None
    ) -> None:
        """See `Index.set_expiry`."""
        await in_thread(self._set_expiry, _filter(one_version(tenant, document_id, version)), expires_at)

    def _set_expiry(self, chosen: qe.Filter, expires_at: datetime | None) -> None:
        if expires_at is None:
            change = qe.UpdateOperation.delete_payload_by_filter(chosen, [EXPIRY])
        else:
            change = qe.UpdateOperation.set_payload_by_filter(chosen, {EXPIRY: expires_at.timestamp()})
        with self._writing, _storage_errors():
            self._shard.update(change)
            self._shard.flush()

    async def delete(self, tenant: str, corpus: str | None = None) -> int:
        """See `Index.delete`."""
        scope = Scope(tenant, None if corpus is None else (corpus,))
        return await in_thread(self._delete, _filter(conditions(scope)))

    def _delete(self, chosen: qe.Filter) -> int:
        with self._writing, _storage_errors():
            there = self._shard.count(qe.CountRequest(exact=True, filter=chosen))
            self._shard.update(qe.UpdateOperation.delete_points_by_filter(chosen))
            self._shard.flush()
        return there

    async def count(self, scope: Scope) -> int:
        """See `Index.count`."""
        return await in_thread(self._count, _filter(conditions(scope)))

    def _count(self, chosen: qe.Filter) -> int:
        with _storage_errors():
            return self._shard.count(qe.CountRequest(exact=True, filter=chosen))

    async def chunks(self, after: str | None = None) -> AsyncIterator[Chunk]:
        """See `Index.chunks`."""
        start = after
        while True:
            page, following = await in_thread(self._page, start)
            for chunk in page:
                if chunk.id != after:
                    yield chunk
            if following is None:
                return
            start = following

    def _page(self, start: str | None) -> tuple[list[Chunk], str | None]:
        """Chunks from the id `start` on, and where the next page starts."""
        with _storage_errors():
            records, following = self._shard.scroll(
                qe.ScrollRequest(offset=start, limit=_PAGE, with_payload=True, with_vector=False)
            )
        page = [chunk_of(str(record.id), record.payload or {}) for record in records]
        return page, None if following is None else str(following)

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
    shard.flush()
    fresh = note.with_suffix(".new")
    fresh.write_text(json.dumps({"dimension": dimension, "fingerprint": fingerprint}))
    fresh.replace(note)
    return shard


def remove(folder: Path) -> None:
    """Remove an index that nobody has open. Raises `IndexOwnedError` and `StorageError`."""
    if not folder.exists():
        return
    with _storage_errors(folder):
        lock = OwnerLock(folder / "owner.lock")
        try:
            shutil.rmtree(folder)
        finally:
            lock.release()


def _index_payload(shard: qe.EdgeShard, settings: IndexSettings) -> None:
    """Indexes on the payload keys that searches filter by; those that are there stay."""
    there = shard.info().payload_schema
    for key in (*KEYWORDS, *(f"metadata.{each}" for each in settings.metadata_keys)):
        if key not in there:
            schema = qe.KeywordIndexParams(is_tenant=key == "tenant")
            shard.update(qe.UpdateOperation.create_field_index(key, schema))
    for key in NUMBERS:
        if key not in there:
            shard.update(qe.UpdateOperation.create_field_index(key, qe.PayloadSchemaType.Float))
    shard.flush()


def _filter(wanted: Iterable[AnyOf], now: float | None = None) -> qe.Filter:
    """The one place where conditions become a filter of this engine; with `now`, what is over is left out."""
    over = [] if now is None else [qe.FieldCondition(EXPIRY, range=qe.RangeFloat(lte=now))]
    return qe.Filter(must=[_condition(one) for one in wanted], must_not=over)  # type: ignore[arg-type]


def _condition(one: AnyOf) -> qe.Filter:
    accepted = [qe.FieldCondition(one.key, match=qe.MatchAny(list(one.strings)))]
    # The binding takes Python's own bool for a number, and NumPy's for what it is.
    accepted += [qe.FieldCondition(one.key, match=qe.MatchValue(np.bool_(flag))) for flag in one.flags]  # type: ignore[arg-type]
    accepted += [
        qe.FieldCondition(one.key, range=qe.RangeFloat(gte=each.least, lte=each.most)) for each in one.ranges
    ]
    return qe.Filter(should=accepted)  # type: ignore[arg-type]


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
