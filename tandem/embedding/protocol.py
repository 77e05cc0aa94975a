"""What the services ask of an embedder, in the process or behind an address."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tandem.index.protocol import Vector


class Embedder(Protocol):
    """Texts to vectors. Thread-safe; `close` it at the end."""

    fingerprint: str
    """Equal for embedders whose vectors may stand in one collection."""
    dimension: int
    max_tokens: int
    """Longest chunk that is embedded whole, in the tokens of `count_tokens`."""

    def embed_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> "Vector":
        """Vectors of shape `(len(texts), dimension)`, float32, of length 1, in the order of `texts`.

        Blocks. `progress` is called after each batch with the number of texts done so far.
        """

    async def embed_query(self, text: str) -> "Vector":
        """Vector of a question, of shape `(dimension,)`, float32, of length 1; off the event loop."""

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` by the embedder's tokenizer, without the marks around it."""

    def token_starts(self, text: str) -> list[int]:
        """Where each of these tokens begins in `text`, in characters, in order."""

    def close(self) -> None:
        """Let go of threads and connections; safe to call twice."""
