"""The way of a document, from upload to answerable, and back out again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from ingest.accept import Source, Upload, accept, check_corpus
from ingest.batching import EmbeddingQueue
from ingest.beside import Beside
from ingest.child import ParserChildren
from ingest.chunking import Chunker
from ingest.locks import Barrier
from ingest.parsing import Attachment, Parsed, parse
from ingest.removing import Remover
from ingest.writing import Writer, is_version
from tandem.errors import UnreadableDocumentError
from tandem.index import check_metadata
from tandem.live import Live
from tandem.settings import IngestSettings
from tandem.store import Claim, DocumentRecord, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Document, document_id

_PARSERS = 2
"""Files that are parsed at the same time."""

_NOT_SWEPT = "The replaced version's chunks could not be removed yet; the next start does it."


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """What became of one upload."""

    document_id: str
    uri: str
    title: str
    chunks: int
    tokens: int
    """Embedded just now; 0 where nothing had changed."""
    status: Literal["created", "replaced", "unchanged", "duplicate"]
    warnings: list[str] = field(default_factory=list)
    duplicate_of: str | None = None
    """The document that says the same and is searched in this one's place."""
    attachments: tuple[Upload, ...] = field(default=(), repr=False)
    """Files within it that are documents of their own; they are not ingested yet."""


class Ingestor:
    """Brings documents into the store and the index, and takes them out."""

    def __init__(
        self,
        store: Store,
        live: Live,
        settings: IngestSettings,
        worker: str | None = None,
        beside: Beside | None = None,
    ) -> None:
        """`worker` is the id under which this process is registered in the store, if it is.

        `beside` are the collections that do not answer, from which removals remove, too.
        """
        self.live = live
        """The collection that is written to. It changes only while `barrier` is closed."""
        self.barrier = Barrier()
        """What writes passes it."""
        self._store = store
        self._settings = settings
        self._worker = worker
        self._children = ParserChildren(settings)
        self._parsing = asyncio.Semaphore(_PARSERS)
        self._chunker = Chunker(store, live, settings)
        self._writer = Writer(
            store, live, EmbeddingQueue(live), self._chunker, settings.near_duplicates, worker
        )
        self.remove = Remover(store, live, self._writer, worker, self.barrier, beside)
        """Takes documents, corpora and tenants out again."""

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
        `accept` and `parse` raise, and `StorageError` or `UnavailableError` of the store and the index.
        Nothing of a file that fails is left.
        """
        check_corpus(corpus)
        check_metadata(upload.marks.metadata)
        source = await in_thread(accept, upload, self._settings)
        known = document_id(caller.tenant, corpus, source.uri)
        async with self.barrier.passed(), self._writer.locks.of(known):
            version = await in_thread(self._chunker.version_of, caller.tenant, corpus, source)
            current = await in_thread(self._store.document_or_none, caller, corpus, known)
            is_known = current is not None and is_version(current.version, version)
            if current is not None and is_known and not source.media_type.is_mail:
                return await self._unchanged(current, source.marks.expires_at)
            async with self._parsing:
                parsed = await in_thread(parse, source, self._children)
            if current is not None and is_known:
                # Whether its attachments went in is not known: the run that read it may have stopped before.
                unchanged = await self._unchanged(current, source.marks.expires_at)
                return replace(unchanged, attachments=attached(upload, parsed.attachments))
            document = _document(caller, corpus, source, parsed)
            split = await in_thread(self._chunker.split, document, version)
            attachments = attached(upload, parsed.attachments)
            if not split.chunks and not attachments:
                raise UnreadableDocumentError(f"{source.name} holds no text", param="file")
            written = await self._writer.write(document, version, split.chunks, progress, claim=claim)
        warnings = parsed.warnings if written.swept else [*parsed.warnings, _NOT_SWEPT]
        if written.original is not None:
            original = written.original.document_id
            return DocumentReport(
                known, source.uri, document.title, 0, 0, "duplicate", warnings, original, attachments
            )
        status: Literal["created", "replaced"] = "replaced" if written.replaced else "created"
        return DocumentReport(
            document_id=known,
            uri=source.uri,
            title=document.title,
            chunks=len(split.chunks),
            tokens=split.tokens,
            status=status,
            warnings=warnings,
            attachments=attachments,
        )

    async def repair(self) -> int:
        """Remove what an earlier stop has left half done; returns the number of versions removed."""
        left = await in_thread(self._store.leftovers, None, self._worker)
        removed = 0
        for known in sorted({one.document_id for one in left}):
            async with self.barrier.passed(), self._writer.locks.of(known):
                removed += (await self._writer.sweep(known)).versions
        await self.index_orphans()
        await self.remove.from_beside()
        return removed

    async def compact(self) -> bool:
        """Let the index be made small and fast if that is worth it; see `Index.compact`."""
        return await self.live.collection.index.compact()

    async def index_orphans(self) -> None:
        """Index documents that were linked as duplicates to one that no longer says the same."""
        async with self.barrier.passed():
            await self._writer.write_orphans()

    async def _unchanged(self, record: DocumentRecord, expires_at: datetime | None) -> DocumentReport:
        """Nothing is read or embedded; only the moment at which it expires may be another."""
        if record.marks.expires_at != expires_at:
            await self._writer.set_expiry(record, expires_at)
        return DocumentReport(
            record.id, record.uri, record.title, record.chunks, 0, "unchanged", [], record.duplicate_of
        )

    async def close(self) -> None:
        """End the parsers that wait; without it they end with this process."""
        await in_thread(self._children.close)


def attached(upload: Upload, attachments: Sequence[Attachment]) -> tuple[Upload, ...]:
    """The files within a file, at addresses below its own, with its marks."""
    uploads: dict[str, Upload] = {}
    for one in attachments:
        uri, number = f"{upload.uri}!/{one.name}", 2
        while uri in uploads:
            uri, number = f"{upload.uri}!/{number}/{one.name}", number + 1
        uploads[uri] = Upload(uri, one.name, one.content, marks=upload.marks)
    return tuple(uploads.values())


def _document(caller: Caller, corpus: str, source: Source, parsed: Parsed) -> Document:
    return Document(
        tenant=caller.tenant,
        corpus=corpus,
        uri=source.uri,
        title=parsed.title,
        media_type=source.media_type,
        text=parsed.text,
        content_hash=source.content_hash,
        pages=parsed.pages,
        headings=parsed.headings,
        blocks=parsed.blocks,
        marks=source.marks,
    )
