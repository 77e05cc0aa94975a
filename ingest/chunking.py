"""How the documents of a corpus are cut, and what that makes of their versions."""

import hashlib
from collections.abc import Sequence

from ingest.accept import Source
from ingest.splitting import Cut, split
from tandem.embedding import Embedder
from tandem.settings import IngestSettings
from tandem.vocabulary import Chunk, Document

_READING = "2"
"""Raise it when parsing or splitting changes: the same file then counts as a new version."""


class Chunker:
    """Splits documents as their corpus wants it. Blocking; any thread may call."""

    def __init__(self, embedder: Embedder, settings: IngestSettings) -> None:
        self._embedder = embedder
        self._settings = settings

    def chunks_of(self, document: Document, version: str) -> list[Chunk]:
        """The chunks of a document version, in order."""
        return split(document, version, self._cut(), self._embedder.count_tokens)

    def count_tokens(self, chunks: Sequence[Chunk]) -> int:
        """Tokens of the chunks in all, as the embedder reads them."""
        return sum(self._embedder.count_tokens(chunk.text) for chunk in chunks)

    def version_of(self, source: Source) -> str:
        """The same as long as the same file would give the same chunks and vectors."""
        parts = (
            _READING,
            source.content_hash,
            source.media_type,
            repr(self._cut()),
            self._embedder.fingerprint,
        )
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:16]

    def _cut(self) -> Cut:
        # What is over the model's own limit would be cut off there, and never be found.
        most = min(self._settings.chunk_tokens, self._embedder.max_tokens)
        return Cut(most, min(self._settings.chunk_overlap_tokens, most - 1))
