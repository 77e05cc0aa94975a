"""The vector of a question: made once on its way, by the first step that needs it."""

from dataclasses import dataclass

from tandem.embedding import Embedder
from tandem.index import Vector


@dataclass(slots=True)
class AskedVector:
    """Filled by `of`."""

    text: str = ""
    embedder: str = ""
    """The embedder's fingerprint."""
    vector: Vector | None = None
    """Of shape (dimension,)."""

    async def of(self, text: str, embedder: Embedder) -> Vector:
        """The vector of `text`, which is kept; another text, or another embedder's, takes its place."""
        if self.vector is None or (self.text, self.embedder) != (text, embedder.fingerprint):
            self.vector = await embedder.embed_query(text)
            self.text, self.embedder = text, embedder.fingerprint
        return self.vector
