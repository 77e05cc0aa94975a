"""How the documents of a corpus are cut, and what that makes of their versions."""

import hashlib
from typing import Any, Protocol

from ingest.accept import Source
from ingest.duplicates import marks_key
from ingest.manifest import Splitting
from ingest.splitting import Cut, Split, Splitter
from tandem.embedding import Embedder
from tandem.settings import IngestSettings
from tandem.vocabulary import Document

_READING = "2"
"""Raise it when parsing or splitting changes: the same file then counts as a new version."""


class Splittings(Protocol):
    """Knows how the owners of corpora want them cut: the store, and what stands for it on a cluster."""

    def splitting_of(self, tenant: str, corpus: str) -> dict[str, Any]:
        """See `Store.splitting_of`."""
        ...


class Chunker:
    """Splits documents as their corpus wants it. Blocking; any thread may call."""

    def __init__(self, store: Splittings, embedder: Embedder, settings: IngestSettings) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._splitter = Splitter(embedder)

    def split(self, document: Document, version: str) -> Split:
        """The chunks of a document version, in order, and their tokens."""
        return self._splitter.split(document, version, self.cut_of(document.tenant, document.corpus))

    def version_of(self, tenant: str, corpus: str, source: Source) -> str:
        """The same as long as the same file would give the same chunks and vectors."""
        parts = (
            _READING,
            source.content_hash,
            source.media_type,
            source.title or "",
            marks_key(source.marks),
            str(self._settings.ocr and self._settings.ocr_languages),
            str(self.cut_of(tenant, corpus)),
            self._embedder.fingerprint,
        )
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()[:16]

    def cut_of(self, tenant: str, corpus: str) -> Cut:
        """What the corpus is set to, and the settings where it is not."""
        wanted = Splitting.model_validate(self._store.splitting_of(tenant, corpus))
        named = {
            "splitting": wanted.strategy,
            "chunk_tokens": wanted.tokens,
            "chunk_overlap_tokens": wanted.overlap,
            "parent_tokens": wanted.parent_tokens,
            "header": wanted.header,
        }
        chosen = {name: value for name, value in named.items() if value is not None}
        return Cut.of(self._settings.model_copy(update=chosen), self._embedder.max_tokens)
