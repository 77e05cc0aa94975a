"""The chunks of one tenant, in a shard of Qdrant Edge. Everything here blocks."""

import math
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import qdrant_edge as qe
import structlog

from tandem.errors import StorageError
from tandem.index.compaction import Journal, OptimizerChild, copy
from tandem.index.filters import filter_of
from tandem.index.foreign import ForeignHits
from tandem.index.fusion import Hits, fuse
from tandem.index.marks import EXPIRY, GROUPS, conditions_within, of_document, one_version
from tandem.index.points import BM25, DENSE, chunk_of, fused_passages, passages_of, payload_of, within
from tandem.index.protocol import Leg, Query, Vector
from tandem.index.shard import load, open_shard, storage_errors
from tandem.settings import IndexSettings
from tandem.vocabulary import Chunk, Passage, Scope

log = structlog.get_logger(__name__)

_SEARCHES = 6
"""Most searches for one hybrid query; a second is only made when chunks go while it runs."""
_PAGE = 256
"""Chunks read in one go where all are read."""

_RESCORED = qe.SearchParams(
    hnsw_ef=128, quantization=qe.QuantizationSearchParams(rescore=True, oversampling=2.0)
)
"""Four bits find twice as many as are wanted; the vectors themselves then decide which are the best."""


class TenantShard:
    """What is searched, written and compacted by itself, so that no tenant pays for the size of another."""

    def __init__(self, folder: Path, tenant: str, settings: IndexSettings, dimension: int) -> None:
        """Open the shard in `folder`, or make it. Raises `StorageError`."""
        self._folder = folder
        self._settings = settings
        self._dimension = dimension
        with storage_errors(folder):
            self._note, self._shard = open_shard(folder, tenant, settings, dimension)
        self._bm25 = qe.Bm25()
        self._writing = threading.Lock()
        self._journal: Journal | None = None
        self._compacting = threading.Lock()
        self._child = OptimizerChild()
        self._changed = _not_optimised(self._shard)
        self._first_end = _first_end(self._shard)
        self._grouped = _has_groups(self._shard)
        self._open = True

    @property
    def is_due(self) -> bool:
        """Whether enough has changed for a compaction."""
        return self._changed >= self._settings.compact_after_chunks

    def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        """See `Index.upsert`; all chunks are of this tenant."""
        points = [
            qe.Point(
                chunk.id,
                {DENSE: vector.tolist(), BM25: self._bm25.embed_document(chunk.indexed_text)},
                payload_of(chunk),
            )
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
        self.take(points, min((_end(chunk.marks.expires_at) for chunk in chunks), default=math.inf))

    def take(self, points: list[qe.Point], first_end: float) -> None:
        """Write points as they are; nothing of them is over before `first_end`."""
        with self._writing, storage_errors():
            if self._journal is not None:  # before it is done: what fails may be half done
                self._journal.write(points)
            self._first_end = min(self._first_end, first_end)
            self._grouped = self._grouped or any(GROUPS in (point.payload or {}) for point in points)
            self._shard.update(qe.UpdateOperation.upsert_points(points))
            self._shard.flush()
            self._changed += len(points)

    def search(self, scope: Scope, query: Query, foreign: ForeignHits) -> list[Passage]:
        """See `Index.search`; `scope` is of this tenant."""
        sparse = qe.Query.Nearest(self._bm25.embed_query(query.text), using=BM25)
        near = qe.SearchParams(exact=True) if query.exact else _RESCORED
        now = time.time()
        # Chunks without an end pay nothing for those with one, until the first of these is over.
        end = now if self._first_end <= now else None
        # The same goes for access groups.
        wanted = list(conditions_within(scope if self._grouped else replace(scope, groups=None)))
        # Where nothing is left out, nothing is asked of a chunk.
        chosen = filter_of(wanted, end, query.besides) if wanted or end or query.besides else None
        with storage_errors():
            if query.leg is Leg.HYBRID:
                passages = self._hybrid(query, sparse, near, chosen)
            else:
                ranking = _nearest(query) if query.leg is Leg.DENSE else sparse
                passages = self._one_leg(query, ranking, near, chosen)
        return within(scope, passages, now, foreign)

    def _hybrid(
        self, query: Query, sparse: qe.Query, near: qe.SearchParams, chosen: qe.Filter | None
    ) -> list[Passage]:
        """Both legs, without payload: only what the fusion chooses is read from the disk. That of the words is first,
        for the vector may be on its way still.

        What is deleted meanwhile makes the search again, or a whole document whose version is just replaced would
        be missing from the answer.
        """
        wanted = max(query.fusion.candidates, query.limit)
        for _ in range(_SEARCHES):
            shard = self._shard
            words = _hits(shard.query(qe.QueryRequest(limit=wanted, query=sparse, filter=chosen)))
            by_meaning = qe.QueryRequest(limit=wanted, query=_nearest(query), filter=chosen, params=near)
            legs = _hits(shard.query(by_meaning)), words
            best = fuse(*legs, query.fusion)[: query.limit]
            records = shard.retrieve([chunk for chunk, _ in best], with_payload=True, with_vector=[DENSE])
            if len(records) == len(best):
                break
        points = {str(each.id): (each.payload or {}, each.vector[DENSE]) for each in records}  # type: ignore[index, call-overload]
        return fused_passages(legs, best, points, query)  # type: ignore[arg-type]

    def _one_leg(
        self, query: Query, ranking: qe.Query, near: qe.SearchParams, chosen: qe.Filter | None
    ) -> list[Passage]:
        hits = self._shard.query(
            qe.QueryRequest(
                limit=query.limit,
                query=ranking,
                filter=chosen,
                params=near if query.leg is Leg.DENSE else None,
                with_payload=True,
                with_vector=[DENSE],
            )
        )
        return passages_of(hits, query)

    def set_expiry(self, document_id: str, version: str, expires_at: datetime | None) -> None:
        """See `Index.set_expiry`."""
        chosen = filter_of(one_version(None, document_id, version))
        if expires_at is None:
            change = qe.UpdateOperation.delete_payload_by_filter(chosen, [EXPIRY])
        else:
            change = qe.UpdateOperation.set_payload_by_filter(chosen, {EXPIRY: expires_at.timestamp()})
        with self._writing, storage_errors():
            self._first_end = min(self._first_end, _end(expires_at))
            self._change(chosen, change)

    def set_groups(self, document_id: str, groups: tuple[str, ...]) -> None:
        """See `Index.set_groups`."""
        chosen = filter_of(of_document(None, document_id))
        if groups:
            change = qe.UpdateOperation.set_payload_by_filter(chosen, {GROUPS: list(groups)})
        else:
            change = qe.UpdateOperation.delete_payload_by_filter(chosen, [GROUPS])
        with self._writing, storage_errors():
            self._grouped = self._grouped or bool(groups)
            self._change(chosen, change)

    def _change(self, chosen: qe.Filter, change: qe.UpdateOperation) -> None:
        """Change the payload of chunks where they are; the caller is the one who writes."""
        if self._journal is not None:
            self._journal.change(self._shard, chosen)
        self._shard.update(change)
        self._shard.flush()

    def delete(self, chosen: qe.Filter) -> int:
        """Remove what the filter chooses; returns how many chunks there were."""
        with self._writing, storage_errors():
            there = self._shard.count(qe.CountRequest(exact=True, filter=chosen))
            if self._journal is not None:
                self._journal.delete(chosen)
            self._shard.update(qe.UpdateOperation.delete_points_by_filter(chosen))
            self._shard.flush()
            self._changed += there
            self._first_end = _first_end(self._shard)
        return there

    def count(self, chosen: qe.Filter) -> int:
        """Number of chunks that the filter chooses."""
        with storage_errors():
            return self._shard.count(qe.CountRequest(exact=True, filter=chosen))

    def page(self, start: str | None) -> tuple[list[Chunk], str | None]:
        """Chunks from the id `start` on, and where the next page starts."""
        with storage_errors():
            records, following = self._shard.scroll(
                qe.ScrollRequest(offset=start, limit=_PAGE, with_payload=True, with_vector=False)
            )
        page = [chunk_of(str(record.id), record.payload or {}) for record in records]
        return page, None if following is None else str(following)

    def points(self, start: str | None) -> tuple[list[Chunk], Vector, str | None]:
        """As `page`, with the dense vectors."""
        with storage_errors():
            records, following = self._shard.scroll(
                qe.ScrollRequest(offset=start, limit=_PAGE, with_payload=True, with_vector=[DENSE])
            )
        chunks = [chunk_of(str(record.id), record.payload or {}) for record in records]
        vectors = np.array([record.vector[DENSE] for record in records], np.float32)  # type: ignore[index, call-overload]
        return chunks, vectors, None if following is None else str(following)

    def compact(self, *, at_once: bool) -> bool:
        """See `Index.compact`."""
        wanted = self._changed > 0 if at_once else self.is_due
        if not wanted or not self._compacting.acquire(blocking=False):
            return False
        begun, changed = time.monotonic(), self._changed
        place = self._folder / self._note.next_shard
        try:
            if not self._open:
                return False
            with storage_errors(self._folder):
                self._copy(place)
                self._child.run(place)
                self._take(place)
        except StorageError:
            if self._open:
                raise
            return False  # closing has ended it
        finally:
            with self._writing:
                self._journal = None
            if self._note.shard != place.name:
                shutil.rmtree(place, ignore_errors=True)
            self._compacting.release()
        self._changed -= changed
        log.info("index compacted", seconds=round(time.monotonic() - begun, 1), changed=changed)
        return True

    def _copy(self, place: Path) -> None:
        with self._writing:
            self._shard.flush()
            copy(self._folder / self._note.shard, place)
            self._journal = Journal()

    def _take(self, place: Path) -> None:
        """Bring what was written since into the copy, and let it serve."""
        fresh = load(place, self._settings, self._dimension)
        with self._writing:
            earlier, self._journal = self._journal or Journal(), Journal()
        earlier.replay(self._shard, fresh)  # the greater part, while others write
        with self._writing:
            self._journal.replay(self._shard, fresh)
            note, before = replace(self._note, shard=place.name), self._note.shard
            note.write(self._folder)
            # A search that still runs holds the shard before; it is gone with the last of them.
            self._note, self._shard, self._journal = note, fresh, None
        shutil.rmtree(self._folder / before)

    def stop_compacting(self) -> None:
        """End a compaction, if there is one; none begins any more."""
        self._open = False
        self._child.end()

    def close(self) -> None:
        """Let go of the files; nobody may use it any more."""
        self.stop_compacting()
        with self._compacting, self._writing, storage_errors(self._folder):
            self._shard.close()


def _nearest(query: Query) -> qe.Query:
    return qe.Query.Nearest(query.vector.tolist(), using=DENSE)


def _hits(found: Sequence[qe.ScoredPoint]) -> Hits:
    return [(str(hit.id), hit.score) for hit in found]


def _not_optimised(shard: qe.EdgeShard) -> int:
    """About how many chunks are not in the form that compaction gives them.

    The engine counts the vectors of both kinds: an optimised chunk has two that are indexed, another one.
    """
    known = shard.info()
    return abs(2 * known.points_count - known.indexed_vectors_count)


def _end(expires_at: datetime | None) -> float:
    return math.inf if expires_at is None else expires_at.timestamp()


def _has_groups(shard: qe.EdgeShard) -> bool:
    """Whether any chunk is for some callers only."""
    some = qe.Filter(must_not=[qe.IsEmptyCondition(GROUPS)])
    found, _ = shard.scroll(qe.ScrollRequest(limit=1, filter=some, with_payload=False, with_vector=False))
    return bool(found)


def _first_end(shard: qe.EdgeShard) -> float:
    """The moment before which nothing in the shard is over."""
    first = qe.ScrollRequest(limit=1, order_by=qe.OrderBy(EXPIRY), with_payload=[EXPIRY])
    records, _ = shard.scroll(first)
    return min((float((each.payload or {})[EXPIRY]) for each in records), default=math.inf)
