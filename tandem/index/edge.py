"""The index in this process: Qdrant Edge, a shard for each tenant.

A search then costs what its tenant's chunks cost, whoever else is there; the frequency of a word, which BM25
weighs by, tells nothing of other tenants; and a tenant who goes takes the files along.
"""

import json
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from tandem.errors import StorageError
from tandem.index.filters import filter_of
from tandem.index.former import move_to_tenants, remove_former
from tandem.index.lock import OwnerLock
from tandem.index.marks import AnyOf, check_scope, conditions_within, one_version
from tandem.index.points import check_embedder
from tandem.index.protocol import Query, Vector
from tandem.index.shard import storage_errors, write_note
from tandem.index.tenants import Tenants
from tandem.settings import IndexSettings
from tandem.threads import in_thread
from tandem.vocabulary import Chunk, Passage, Scope

T = TypeVar("T")

_NOTE = "embedder.json"
_LAYOUT = "tenants"


class EdgeIndex:
    """Shards of Qdrant Edge in a folder that this process owns."""

    def __init__(self, tenants: Tenants, lock: OwnerLock) -> None:
        self._tenants = tenants
        self._lock = lock
        self._open = True

    @classmethod
    async def open(cls, folder: Path, settings: IndexSettings, *, dimension: int, fingerprint: str) -> Self:
        """Open or create the index. Raises as `tandem.index.open_index` says."""
        return await in_thread(cls._open_now, folder, settings, dimension, fingerprint)

    @classmethod
    def _open_now(cls, folder: Path, settings: IndexSettings, dimension: int, fingerprint: str) -> Self:
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = OwnerLock(folder / "owner.lock")
            try:
                tenants = Tenants(folder / _LAYOUT, settings, dimension)
                _read_or_write_note(folder, tenants, dimension, fingerprint)
            except BaseException:
                lock.release()
                raise
        return cls(tenants, lock)

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        """See `Index.upsert`."""
        await in_thread(self._upsert, chunks, vectors)

    def _upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        places: dict[str, list[int]] = {}
        for place, chunk in enumerate(chunks):
            places.setdefault(chunk.tenant, []).append(place)
        for tenant, own in places.items():
            with self._tenants.making(tenant) as shard:
                shard.upsert([chunks[place] for place in own], vectors[own])

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        """See `Index.search`."""
        return await in_thread(self._search, scope, query)

    async def search_with(
        self, scope: Scope, query: Query, look: Callable[[list[Passage]], T]
    ) -> tuple[list[Passage], T]:
        """See `Index.search_with`."""

        def work() -> tuple[list[Passage], T]:
            found = self._search(scope, query)
            return found, look(found)

        return await in_thread(work)

    def _search(self, scope: Scope, query: Query) -> list[Passage]:
        check_scope(scope)
        with self._tenants.using(scope.tenant) as shard:
            return shard.search(scope, query) if shard else []

    async def delete_version(self, tenant: str, document_id: str, version: str) -> int:
        """See `Index.delete_version`."""
        return await in_thread(self._delete, tenant, one_version(None, document_id, version))

    async def delete(self, tenant: str, corpus: str | None = None) -> int:
        """See `Index.delete`."""
        if corpus is None:
            return await in_thread(self._delete_tenant, tenant)
        return await in_thread(self._delete, tenant, [AnyOf("corpus", (corpus,))])

    def _delete(self, tenant: str, wanted: list[AnyOf]) -> int:
        with self._tenants.using(tenant) as shard:
            return shard.delete(filter_of(wanted)) if shard else 0

    def _delete_tenant(self, tenant: str) -> int:
        with self._tenants.using(tenant) as shard:
            there = shard.count(filter_of(())) if shard else 0
        self._tenants.remove(tenant)
        return there

    async def set_expiry(
        self, tenant: str, document_id: str, version: str, expires_at: datetime | None
    ) -> None:
        """See `Index.set_expiry`."""
        await in_thread(self._set_expiry, tenant, document_id, version, expires_at)

    def _set_expiry(self, tenant: str, document_id: str, version: str, expires_at: datetime | None) -> None:
        with self._tenants.using(tenant) as shard:
            if shard:
                shard.set_expiry(document_id, version, expires_at)

    async def count(self, scope: Scope) -> int:
        """See `Index.count`."""
        return await in_thread(self._count, scope)

    def _count(self, scope: Scope) -> int:
        with self._tenants.using(scope.tenant) as shard:
            return shard.count(filter_of(conditions_within(scope))) if shard else 0

    async def chunks(self) -> AsyncIterator[Chunk]:
        """See `Index.chunks`."""
        for tenant in await in_thread(self._tenants.all):
            start: str | None = None
            while True:
                page, start = await in_thread(self._page, tenant, start)
                for chunk in page:
                    yield chunk
                if start is None:
                    break

    def _page(self, tenant: str, start: str | None) -> tuple[list[Chunk], str | None]:
        with self._tenants.using(tenant) as shard:
            return shard.page(start) if shard else ([], None)

    async def points(self) -> AsyncIterator[tuple[list[Chunk], Vector]]:
        """See `Index.points`."""
        for tenant in await in_thread(self._tenants.all):
            start: str | None = None
            while True:
                chunks, vectors, start = await in_thread(self._point_page, tenant, start)
                if chunks:
                    yield chunks, vectors
                if start is None:
                    break

    def _point_page(self, tenant: str, start: str | None) -> tuple[list[Chunk], Vector, str | None]:
        with self._tenants.using(tenant) as shard:
            return shard.points(start) if shard else ([], np.empty((0, 0), np.float32), None)

    async def compact(self, *, at_once: bool = False) -> bool:
        """See `Index.compact`."""
        return await in_thread(self._compact, at_once)

    def _compact(self, at_once: bool) -> bool:
        done = False
        for tenant in self._tenants.all() if at_once else self._tenants.due():
            try:
                with self._tenants.using(tenant) as shard:
                    done |= shard is not None and shard.compact(at_once=at_once)
            except StorageError:
                if self._open:
                    raise
                break  # closing has ended it
        return done

    async def close(self) -> None:
        """See `Index.close`."""
        if self._open:
            self._open = False
            await in_thread(self._close)

    def _close(self) -> None:
        self._tenants.close()
        self._lock.release()


def remove(folder: Path) -> None:
    """Remove an index that nobody has open. Raises `IndexOwnedError` and `StorageError`."""
    if not folder.exists():
        return
    with storage_errors(folder):
        lock = OwnerLock(folder / "owner.lock")
        try:
            shutil.rmtree(folder)
        finally:
            lock.release()


def _read_or_write_note(folder: Path, tenants: Tenants, dimension: int, fingerprint: str) -> None:
    """Check who embedded the index, and bring it into today's layout."""
    file = folder / _NOTE
    if file.exists():
        recorded = json.loads(file.read_text())
        check_embedder(recorded, dimension=dimension, fingerprint=fingerprint)
        if recorded.get("layout") == _LAYOUT:
            return
        move_to_tenants(folder, recorded, tenants)
    write_note(file, {"dimension": dimension, "fingerprint": fingerprint, "layout": _LAYOUT})
    remove_former(folder)
