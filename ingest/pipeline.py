"""The way of a document, from upload to answerable, and back out again."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ingest.accept import Upload, accept, check_corpus
from ingest.batching import EmbeddingQueue
from ingest.beside import Beside
from ingest.child import ParserChildren
from ingest.chunking import Chunker
from ingest.locks import Barrier
from ingest.parsing import parse
from ingest.quota import Quota
from ingest.reading import DocumentReport, attached, reading_of, report_of
from ingest.removing import Remover
from ingest.sharing import Sharer
from ingest.writing import Writer, is_version
from tandem.access_groups import check_own
from tandem.errors import ConflictError
from tandem.index import check_metadata
from tandem.live import Live
from tandem.settings import IngestSettings, LimitSettings
from tandem.store import Claim, DocumentRecord, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Marks, document_id

_PARSERS = 2
"""Files that are parsed at the same time."""


class Ingestor:
    """Brings documents into the store and the index, and takes them out."""

    def __init__(
        self,
        store: Store,
        live: Live,
        settings: IngestSettings,
        worker: str | None = None,
        beside: Beside | None = None,
        limits: LimitSettings | None = None,
    ) -> None:
        """`worker` is the id under which this process is registered in the store, if it is.

        `beside` are the collections that do not answer, from which removals remove, too.
        """
        self.live = live
        """The collection that is written to. It changes only while `barrier` is closed."""
        self.barrier = Barrier()
        """What writes passes it."""
        self._store = store
        self.quota = Quota(store, limits or LimitSettings())
        """What each tenant may still add."""
        self._settings = settings
        self._worker = worker
        self._children = ParserChildren(settings)
        self._parsing = asyncio.Semaphore(_PARSERS)
        # One after another: side by side they would share Python's lock, and all end late.
        self._splitting = asyncio.Semaphore(1)
        self._chunker = Chunker(store, lambda: live.collection.embedder, settings)
        self.writer = Writer(
            store, live, EmbeddingQueue(live), self._chunker, settings.near_duplicates, worker
        )
        """Writes versions; who reads documents elsewhere ends with it."""
        self.remove = Remover(store, live, self.writer, worker, self.barrier, beside)
        """Takes documents, corpora and tenants out again."""
        self.share = Sharer(store, live, self.writer, self.barrier)
        """Changes who may see documents."""

    async def ingest(
        self,
        caller: Caller,
        corpus: str,
        upload: Upload,
        progress: Callable[[int], None] | None = None,
        claim: Claim | None = None,
    ) -> DocumentReport:
        """Make one file answerable; `progress` gets the number of chunks that are done.

        `claim` is that of the job for which it is done: nothing is written once it is lost. Raises what
        `accept` and `parse` raise, `QuotaError`, `ForbiddenError` for an address or for access groups that are
        not the caller's, and `StorageError` or `UnavailableError` of the store and the index.
        Nothing of a file that fails is left.
        """
        check_corpus(corpus)
        check_metadata(upload.marks.metadata)
        check_own(caller, upload.groups or ())
        source = await in_thread(accept, upload, self._settings)
        known = document_id(caller.tenant, corpus, source.uri)
        async with self.barrier.passed(), self.writer.locks.of(known):
            await in_thread(self._store.require_writable, caller, known)
            version = await in_thread(self._chunker.version_of, caller.tenant, corpus, source)
            current = await in_thread(self._store.document_or_none, caller, corpus, known)
            is_known = current is not None and is_version(current.version, version)
            if current is not None and is_known and not source.media_type.is_mail:
                return await self.unchanged(caller, current, source.marks.expires_at, source.groups)
            await in_thread(self.quota.check, caller.tenant, current)
            if current is None and source.groups is None:
                groups = await in_thread(self._groups_around, caller.tenant, corpus, source.uri)
                upload, source = replace(upload, groups=groups), replace(source, groups=groups)
            async with self._parsing:
                parsed = await in_thread(parse, source, self._children)
            if current is not None and is_known:
                # Whether its attachments went in is not known: the run that read it may have stopped before.
                unchanged = await self.unchanged(caller, current, source.marks.expires_at, source.groups)
                return replace(unchanged, attachments=attached(upload, parsed.attachments))
            await in_thread(self.quota.check, caller.tenant, current, len(parsed.text))
            async with self._splitting:
                reading = await in_thread(
                    reading_of, caller, corpus, upload, source, parsed, version, self._chunker
                )
            written = await self.writer.write(
                reading.document, version, reading.chunks, progress, claim=claim
            )
        return report_of(reading, written, len(reading.chunks))

    async def repair(self) -> int:
        """Remove what was left half done, here or by a worker that is dead; returns the number of versions.

        What is under way in this process is left to whoever does it.
        """
        left = await in_thread(self._store.leftovers, None, self._worker)
        removed = 0
        for known in sorted({one.document_id for one in left}):
            if self.writer.locks.of(known).locked():
                continue
            async with self.barrier.passed(), self.writer.locks.of(known):
                removed += (await self.writer.sweep(known)).versions
        await self.index_orphans()
        await self.remove.end_holds()
        await self.remove.from_beside()
        return removed

    async def compact(self) -> bool:
        """Let the index be made small and fast if that is worth it; see `Index.compact`."""
        return await self.live.collection.index.compact()

    async def index_orphans(self) -> None:
        """Index documents that were linked as duplicates to one that no longer says the same."""
        async with self.barrier.passed():
            await self.writer.write_orphans()

    async def unchanged(
        self,
        caller: Caller,
        record: DocumentRecord,
        expires_at: datetime | None,
        groups: tuple[str, ...] | None,
    ) -> DocumentReport:
        """Report a document that is as it was; only the moment at which it expires, and who may see it where
        `groups` say so, may be another.

        Whoever calls has passed the barrier and holds the document's lock.
        """
        if groups is not None:
            record = await self.share.held(caller, record, groups)
        if record.marks.expires_at != expires_at:
            await self.writer.set_expiry(record, expires_at)
        return DocumentReport(
            document_id=record.id,
            uri=record.uri,
            title=record.title,
            chunks=record.chunks,
            tokens=0,
            status="unchanged",
            version=record.version,
            duplicate_of=record.duplicate_of,
        )

    async def confirm(
        self,
        caller: Caller,
        corpus: str,
        known: str,
        version: str,
        expires_at: datetime | None,
        groups: tuple[str, ...] | None = None,
    ) -> DocumentReport:
        """Report a document as unchanged of which its source says so.

        Raises `ConflictError` if `version` is no longer what readers see.
        """
        async with self.barrier.passed(), self.writer.locks.of(known):
            current = await in_thread(self._store.document_or_none, caller, corpus, known)
            if current is None or current.version != version:
                raise ConflictError("The document was changed while its source was asked for it")
            check_own(caller, groups or ())
            return await self.unchanged(caller, current, expires_at, groups)

    def reading_of(self, tenant: str, corpus: str, marks: Marks) -> str:
        """See `Chunker.reading_of`. Blocking."""
        return self._chunker.reading_of(tenant, corpus, marks)

    def _groups_around(self, tenant: str, corpus: str, uri: str) -> tuple[str, ...] | None:
        """The access groups of the document within which a new one lies, such as its e-mail. Blocking."""
        outer = uri
        while "!/" in outer:
            outer = outer.rpartition("!/")[0]
            groups = self._store.groups_of(document_id(tenant, corpus, outer))
            if groups:
                return groups
        return None

    async def close(self) -> None:
        """End the parsers that wait; without it they end with this process."""
        await in_thread(self._children.close)
