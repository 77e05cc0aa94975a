"""Writes a document's version beside the old one, switches, and sweeps; links it where it is a duplicate.

Whatever stops in between, a reader sees the old version or the new one, whole: the store decides which
version is seen, in one transaction, and knows which chunks must still leave the index.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import anyio

from ingest.batching import EmbeddingQueue
from ingest.chunking import Chunker
from ingest.duplicates import Likeness, find_original, outlives
from ingest.locks import Locks, to_its_end
from tandem.errors import ConflictError, StorageError, UnavailableError
from tandem.live import Live
from tandem.store import Claim, DocumentRecord, Original, Store
from tandem.threads import in_thread
from tandem.vocabulary import Chunk, Document

_BATCH = 256
"""Chunks embedded and written in one go: many enough to be sorted by length, few enough to be cancelled."""

_AGAIN = "+"
"""Ends the version of a document that was written anew though its source is as it was."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write has done."""

    replaced: str | None
    """The version that was current before."""
    swept: bool
    """Whether all chunks that must go are gone."""
    original: Original | None
    """The document that says the same and is searched in this one's place."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How much a sweep has removed."""

    versions: int
    chunks: int


class Writer:
    """Writes versions. The caller holds the document's lock, one of `locks`."""

    def __init__(
        self,
        store: Store,
        live: Live,
        queue: EmbeddingQueue,
        chunker: Chunker,
        least: float,
        worker: str | None,
    ) -> None:
        self._store = store
        self._live = live
        self._queue = queue
        self._chunker = chunker
        self._least = least
        self._worker = worker
        self.locks = Locks()

    async def write(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        progress: Callable[[int], None] | None = None,
        besides: str | None = None,
        claim: Claim | None = None,
        groups: tuple[str, ...] | None = None,
    ) -> Written:
        """Write, embed, switch; or link, where another document of the corpus, not `besides`, says the same to the
        same callers: those of `groups` where the document is about to be shared with them.

        `claim` is that of the job for which it is written, if it is for one. Raises `StorageError`,
        `UnavailableError`, and `ConflictError` if the document, or the one it is linked to, was removed at
        the same time, or the claim was lost.
        """
        likeness = await in_thread(Likeness.of, document, self._least)
        try:
            original = await self._begin(document, version, likeness, besides, claim, groups)
            replaced = await self._fill(likeness, version, original, chunks, progress)
        finally:
            # The store knows what must go: the old version after a success, else the new one.
            swept = await self.try_sweep(document.id)
        return Written(replaced, swept, original)

    async def _fill(
        self,
        likeness: Likeness,
        version: str,
        original: Original | None,
        chunks: Sequence[Chunk],
        progress: Callable[[int], None] | None,
    ) -> str | None:
        """Embed and switch a version that was begun; returns the one that was current."""
        try:
            if original is None:
                await self._index_chunks(chunks, progress)
            return await self.switch(likeness, version, original, len(chunks))
        except ConflictError:
            await self.condemn(likeness.document, version)
            raise

    async def switch(
        self, likeness: Likeness, version: str, original: Original | None, chunk_count: int
    ) -> str | None:
        """Make a version current whose chunks are all written; returns the one that was, for a sweep.

        Raises as `write` does.
        """
        known = likeness.document.id
        await self.release_duplicates(known, likeness)
        commit = partial(
            self._store.commit_version,
            chunk_count=0 if original else chunk_count,
            collection=self._live.collection.name,
        )
        replaced = await to_its_end(in_thread(commit, known, version))
        if original is None:
            await self.settle_groups(likeness.document.tenant, known, likeness.document.groups or ())
        # Once more: one may have been linked to what was current until now.
        successor = likeness if original is None else None
        await self.release_duplicates(known, successor, version)
        return replaced

    async def release_duplicates(
        self, document_id: str, successor: Likeness | None, version: str | None = None
    ) -> None:
        """Give a new place in the search to documents that are searched through this one, which goes.

        `successor` is what this one says from now on, and `version` its version once that is current;
        those that say the same stay linked to it. The others become searchable before it goes, so that their text is never out of reach.
        """
        groups: tuple[str, ...] = ()
        if successor is not None:
            groups = await in_thread(groups_of, self._store, successor.document)
        for linked in await in_thread(self._store.duplicates_of, document_id):
            stays = successor is not None and linked.groups == groups
            if stays and successor is not None and await in_thread(successor.is_like, linked):
                if version is not None:
                    await in_thread(self._store.relink_duplicate, linked.id, Original(document_id, version))
                continue
            async with self.locks.of(linked.id):
                await self._write_again(linked)

    async def write_orphans(self) -> None:
        """Make duplicates searchable whose original is gone, or goes before them."""
        for orphan in await in_thread(self._store.orphaned_duplicates):
            async with self.locks.of(orphan.id):
                await self._write_again(orphan)

    async def part_from_others(self, document_id: str, groups: tuple[str, ...]) -> None:
        """Give documents that are searched through this one a place of their own, where their access groups are
        not these, which it has or is about to have.
        """
        for linked in await in_thread(self._store.duplicates_of, document_id):
            if linked.groups != groups:
                async with self.locks.of(linked.id):
                    await self._write_again(linked)

    async def write_by_itself(self, record: DocumentRecord, groups: tuple[str, ...]) -> None:
        """Let a duplicate be found for callers of `groups`, which it is about to have. The caller holds its lock."""
        for linked in await in_thread(self._store.duplicates_of, record.duplicate_of or ""):
            if linked.id == record.id:
                await self._write_again(linked, groups)

    async def settle_groups(self, tenant: str, document_id: str, written: tuple[str, ...]) -> None:
        """Make the index say of a document's groups what the store says, where `written` is something else.

        Looked at until they agree: of two who change them at the same time, the last sees what both have done.
        """
        while (groups := await in_thread(self._store.groups_of, document_id)) != written:
            await self._live.collection.index.set_groups(tenant, document_id, groups)
            written = groups

    async def set_expiry(self, record: DocumentRecord, expires_at: datetime | None) -> None:
        """Let a document expire at another moment; nothing of it is embedded again, but where a copy needs it."""
        for linked in await in_thread(self._store.duplicates_of, record.id):
            if not outlives(expires_at, linked.marks.expires_at):
                async with self.locks.of(linked.id):
                    await self._write_again(linked)
        # In this order, what is stopped between the two is noticed the next time.
        await self._live.collection.index.set_expiry(record.tenant, record.id, record.version, expires_at)
        await in_thread(self._store.set_expiry, record.id, record.version, expires_at)
        if record.duplicate_of is not None:
            for orphan in await in_thread(self._store.orphaned_duplicates, record.id):
                await self._write_again(orphan)

    async def sweep(self, document_id: str) -> Swept:
        """Remove the chunks, then the row, of every version of a document that is not current."""
        # A look costs less than a claim, and there is seldom anything.
        if not await in_thread(self._store.leftovers, document_id, self._worker):
            return Swept(0, 0)
        # To its end: what is still removing chunks when this returns could remove those of a next version.
        return await to_its_end(self._sweep(document_id))

    async def _sweep(self, document_id: str) -> Swept:
        left = await in_thread(self._store.claim_leftovers, document_id, self._worker)
        collection, chunks = self._live.collection, 0
        for one in left:
            chunks += await collection.index.delete_version(one.tenant, one.document_id, one.version)
            await in_thread(
                self._store.forget_version, one.document_id, one.version, collection.name, self._worker
            )
        return Swept(len(left), chunks)

    async def _write_again(self, linked: DocumentRecord, groups: tuple[str, ...] | None = None) -> None:
        """Index a duplicate, or link it to another document, but not to the one it was linked to."""
        again = await in_thread(self._store.current_versions, linked.tenant, [linked.id])
        if again.get(linked.id) != linked.version:
            return  # it was read anew in the meantime
        document = linked.as_document()
        version = (
            linked.version.removesuffix(_AGAIN)
            if linked.version.endswith(_AGAIN)
            else linked.version + _AGAIN
        )
        split = await in_thread(self._chunker.split, document, version)
        await self.write(document, version, split.chunks, besides=linked.duplicate_of, groups=groups)

    async def condemn(self, document: Document, version: str) -> None:
        """Leave to the sweep that follows a version that another process has swept and forgotten while its
        chunks were still being written.
        """
        with suppress(StorageError, UnavailableError):  # the conflict is what must be told
            await in_thread(self._store.condemn_version, document, version, self._worker)

    async def _begin(
        self,
        document: Document,
        version: str,
        likeness: Likeness,
        besides: str | None,
        claim: Claim | None,
        groups: tuple[str, ...] | None,
    ) -> Original | None:
        """Begin the version, as a link to the document that says the same if there is one."""
        # Looking and beginning are one step: else two copies that come together would not see each other.
        async with self.locks.of(f"{document.tenant}\x00{document.corpus}"):
            step = partial(
                begin,
                self._store,
                document,
                version,
                likeness,
                besides,
                self._worker,
                claim=claim,
                collection=self._live.collection.name,
                groups=groups,
            )
            return await to_its_end(in_thread(step))

    async def _index_chunks(self, chunks: Sequence[Chunk], progress: Callable[[int], None] | None) -> None:
        for start in range(0, len(chunks), _BATCH):
            batch = chunks[start : start + _BATCH]
            vectors = await self._queue.embed([chunk.indexed_text for chunk in batch])
            await to_its_end(self._live.collection.index.upsert(batch, vectors))
            if progress is not None:
                progress(start + len(batch))

    async def try_sweep(self, document_id: str) -> bool:
        """Sweep if that can be done now; if not, a later sweep does it, and readers see no difference."""
        with anyio.CancelScope(shield=True):
            try:
                await self.sweep(document_id)
            except (StorageError, UnavailableError):
                return False
        return True


def begin(
    store: Store,
    document: Document,
    version: str,
    likeness: Likeness,
    besides: str | None,
    worker: str | None,
    *,
    claim: Claim | None,
    collection: str | None,
    groups: tuple[str, ...] | None = None,
) -> Original | None:
    """Begin a version, as a link to the document that says the same if there is one. Blocking.

    `groups` are those that it is about to have, in place of those that it states or has.

    One call at a time for a corpus: else two copies that come together would not see each other.
    """
    wanted = groups_of(store, document) if groups is None else groups
    original = find_original(store, likeness, wanted, besides)
    store.begin_version(
        document,
        version,
        writer=worker,
        text_hash=likeness.text_hash,
        original=original,
        bands=likeness.bands,
        claim=claim,
        collection=collection,
    )
    return original


def groups_of(store: Store, document: Document) -> tuple[str, ...]:
    """The access groups of a document as soon as it is current: those that it states, or has. Blocking."""
    return store.groups_of(document.id) if document.groups is None else document.groups


def is_version(current: str, version: str) -> bool:
    """Whether the current version is this one, though it may have been written again."""
    return current.removesuffix(_AGAIN) == version
