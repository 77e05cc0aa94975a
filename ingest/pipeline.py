"""The way of a document, from upload to answerable, and back out again."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar
from weakref import WeakValueDictionary

import anyio

from ingest.accept import Source, Upload, accept, check_corpus
from ingest.child import ParserChildren
from ingest.parsing import Parsed, parse
from ingest.splitting import Cut, split
from tandem.embedding import Embedder
from tandem.errors import NotFoundError, StorageError, UnavailableError, UnreadableDocumentError
from tandem.index.protocol import Index
from tandem.settings import IngestSettings
from tandem.store import Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Chunk, Document, document_id

T = TypeVar("T")

_READING = "2"
"""Raise it when parsing or splitting changes: the same file then counts as a new version."""

_BATCH = 256
"""Chunks embedded and written in one go: many enough to be sorted by length, few enough to be cancelled."""

_PARSERS = 2
"""Files that are parsed at the same time."""


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """What became of one upload."""

    document_id: str
    uri: str
    title: str
    chunks: int
    tokens: int
    """Embedded just now; 0 where nothing had changed."""
    status: Literal["created", "replaced", "unchanged"]
    warnings: list[str] = field(default_factory=list)


class Ingestor:
    """Brings documents into the store and the index, and takes them out.

    A document's new version is written beside the old one and takes its place in one transaction of the
    store. Whatever stops in between, a reader sees the old version or the new one, whole.
    """

    def __init__(self, store: Store, index: Index, embedder: Embedder, settings: IngestSettings) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._settings = settings
        self._children = ParserChildren(settings)
        self._parsing = asyncio.Semaphore(_PARSERS)
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ingest(
        self, caller: Caller, corpus: str, upload: Upload, progress: Callable[[int], None] | None = None
    ) -> DocumentReport:
        """Make one file answerable; `progress` gets the number of chunks that are done.

        Raises what `accept` and `parse` raise, and `StorageError` or `UnavailableError` of the store and
        the index. Nothing of a file that fails is left.
        """
        check_corpus(corpus)
        source = await in_thread(accept, upload, self._settings)
        known = document_id(caller.tenant, corpus, source.uri)
        version = self._version_of(source)
        async with self._lock(known):
            if (await in_thread(self._store.current_versions, caller.tenant, [known])).get(known) == version:
                return await self._unchanged(caller, corpus, known)
            async with self._parsing:
                parsed = await in_thread(parse, source, self._children)
            document = _document(caller, corpus, source, parsed)
            chunks, tokens = await in_thread(self._split, document, version)
            if not chunks:
                raise UnreadableDocumentError(f"{source.name} holds no text", param="file")
            replaced, swept = await self._replace(document, version, chunks, progress)
        warnings = parsed.warnings if swept else [*parsed.warnings, _NOT_SWEPT]
        status: Literal["created", "replaced"] = "replaced" if replaced else "created"
        return DocumentReport(known, source.uri, document.title, len(chunks), tokens, status, warnings)

    async def delete(self, caller: Caller, corpus: str, document_id: str) -> None:
        """Take a document from every reader at once, and its chunks from the index.

        Raises `NotFoundError`; `UnavailableError` or `StorageError` if chunks are left, which no reader
        sees: deleting again, or the next start, removes them.
        """
        async with self._lock(document_id):
            try:
                await _to_its_end(in_thread(self._store.delete_document, caller, corpus, document_id))
            except NotFoundError:
                left = await in_thread(self._store.leftovers, document_id)
                if not any((one.tenant, one.corpus) == (caller.tenant, corpus) for one in left):
                    raise
            await _to_its_end(self._sweep(document_id))

    async def repair(self) -> int:
        """Remove what an earlier stop has left half done; returns the number of versions removed."""
        left = await in_thread(self._store.leftovers)
        removed = 0
        for known in sorted({one.document_id for one in left}):
            async with self._lock(known):
                removed += await self._sweep(known)
        return removed

    async def close(self) -> None:
        """End the parsers that wait; without it they end with this process."""
        await in_thread(self._children.close)

    async def _replace(
        self,
        document: Document,
        version: str,
        chunks: Sequence[Chunk],
        progress: Callable[[int], None] | None,
    ) -> tuple[str | None, bool]:
        """Write, embed, switch. Returns the version replaced, and whether all that is left was removed."""
        try:
            await _to_its_end(in_thread(self._store.begin_version, document, version, len(chunks)))
            for start in range(0, len(chunks), _BATCH):
                batch = chunks[start : start + _BATCH]
                vectors = await in_thread(self._embedder.embed_documents, [chunk.text for chunk in batch])
                await _to_its_end(self._index.upsert(batch, vectors))
                if progress is not None:
                    progress(start + len(batch))
            replaced = await _to_its_end(in_thread(self._store.commit_version, document.id, version))
        finally:
            # The store knows what must go: the old version after a success, else the new one.
            swept = await self._try_sweep(document.id)
        return replaced, swept

    async def _try_sweep(self, document_id: str) -> bool:
        """Sweep if that can be done now; if not, `repair` does it, and readers see no difference."""
        with anyio.CancelScope(shield=True):
            try:
                await self._sweep(document_id)
            except (StorageError, UnavailableError):
                return False
        return True

    async def _sweep(self, document_id: str) -> int:
        """Remove the chunks, then the row, of every version of a document that is not current."""
        left = await in_thread(self._store.leftovers, document_id)
        for one in left:
            await self._index.delete_version(one.tenant, one.document_id, one.version)
            await in_thread(self._store.forget_version, one.document_id, one.version)
        return len(left)

    def _split(self, document: Document, version: str) -> tuple[list[Chunk], int]:
        """The chunks, and their tokens in all."""
        count = self._embedder.count_tokens
        # What is over the model's own limit would be cut off there, and never be found.
        most = min(self._settings.chunk_tokens, self._embedder.max_tokens)
        cut = Cut(most, min(self._settings.chunk_overlap_tokens, most - 1))
        chunks = split(document, version, cut, count)
        return chunks, sum(count(chunk.text) for chunk in chunks)

    def _version_of(self, source: Source) -> str:
        """The same as long as the same file would give the same chunks and vectors."""
        parts = (
            _READING,
            source.content_hash,
            source.media_type,
            str(self._settings.chunk_tokens),
            str(self._settings.chunk_overlap_tokens),
            self._settings.ocr_languages if self._settings.ocr else "",
            self._embedder.fingerprint,
        )
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]

    async def _unchanged(self, caller: Caller, corpus: str, known: str) -> DocumentReport:
        record = await in_thread(self._store.document, caller, corpus, known)
        return DocumentReport(known, record.uri, record.title, record.chunks, 0, "unchanged")

    def _lock(self, document_id: str) -> asyncio.Lock:
        return self._locks.setdefault(document_id, asyncio.Lock())


_NOT_SWEPT = "The replaced version's chunks could not be removed yet; the next start does it."


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


async def _to_its_end(step: Awaitable[T]) -> T:
    """Await a step that writes. A cancellation is passed on when the step has ended, not before.

    Else the sweep that follows could look before the step has written.
    """
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise
