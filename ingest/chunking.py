"""How the documents of a corpus are cut, and what that makes of their versions."""

import hashlib
import sys
from collections.abc import Callable
from typing import Any, Protocol

from ingest.accept import Source
from ingest.duplicates import marks_key
from ingest.manifest import Splitting
from ingest.splitting import Cut, Split, Splitter
from tandem.embedding import Embedder
from tandem.settings import IngestSettings
from tandem.vocabulary import Document, Marks

_READING = "2"
"""Raise it when parsing or splitting changes: the same file then counts as a new version."""


class Splittings(Protocol):
    """Knows how the owners of corpora want them cut: the store, and what stands for it on a cluster."""

    def splitting_of(self, tenant: str, corpus: str) -> dict[str, Any]:
        """See `Store.splitting_of`."""
        ...


class Chunker:
    """Splits documents as their corpus wants it. Blocking; any thread may call."""

    def __init__(self, store: Splittings, embedder: Callable[[], Embedder], settings: IngestSettings) -> None:
        """`embedder` gives the one whose tokens are counted; another one may take its place at any time."""
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._splitter = (embedder(), Splitter(embedder()))

    def split(self, document: Document, version: str) -> Split:
        """The chunks of a document version, in order, and their tokens."""
        embedder, splitter = self._splitter
        if embedder is not self._embedder():
            embedder = self._embedder()
            splitter = Splitter(embedder)
            self._splitter = (embedder, splitter)
        cut = self._cut_of(document.tenant, document.corpus, embedder.max_tokens)
        return splitter.split(document, version, cut)

    def version_of(self, tenant: str, corpus: str, source: Source) -> str:
        """The same as long as the same file would give the same chunks.

        The embedder is no part of it: a collection as a whole is of one, and each has its own chunks.
        """
        parts = (
            _READING,
            source.content_hash,
            source.media_type,
            source.title or "",
            marks_key(source.marks),
            str(self._settings.ocr and self._settings.ocr_languages),
            str(self._cut_of(tenant, corpus, sys.maxsize)),
        )
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:16]

    def reading_of(self, tenant: str, corpus: str, marks: Marks) -> str:
        """The same as long as the same content would give the same version; needs no content."""
        parts = (
            _READING,
            marks_key(marks),
            str(self._settings.ocr and self._settings.ocr_languages),
            str(self._cut_of(tenant, corpus, sys.maxsize)),
        )
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()

    def _cut_of(self, tenant: str, corpus: str, most: int) -> Cut:
        """What the corpus is set to, and the settings where it is not; no chunk longer than `most` tokens."""
        wanted = Splitting.model_validate(self._store.splitting_of(tenant, corpus))
        named = {
            "splitting": wanted.strategy,
            "chunk_tokens": wanted.tokens,
            "chunk_overlap_tokens": wanted.overlap,
            "parent_tokens": wanted.parent_tokens,
            "header": wanted.header,
        }
        chosen = {name: value for name, value in named.items() if value is not None}
        return Cut.of(self._settings.model_copy(update=chosen), most)
