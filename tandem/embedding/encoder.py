"""What stands between the embedder and a model: two libraries do it, one of them quick to load."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tandem.index.protocol import Vector


class Encoder(Protocol):
    """A loaded model. Its methods block, and one call at a time is wanted of `encode`."""

    dimension: int
    max_tokens: int
    """Longest text that is read whole, in the tokens of `count_tokens`; the rest is cut off."""

    def encode(self, texts: Sequence[str], prompt: str) -> "Vector":
        """One forward pass: `(len(texts), dimension)` float32, not yet of length 1."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without the marks that the model adds around it."""
        ...
