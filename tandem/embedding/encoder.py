"""What an embedder asks of a loaded model, whatever computes it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tandem.index.protocol import Vector


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass to be made: `run` gives a vector for each of `places`, the texts' places in their list.

    The vectors are of shape `(len(places), dimension)`, float32, not necessarily of length 1.
    """

    places: Sequence[int]
    run: Callable[[], "Vector"]


class Encoder(Protocol):
    """A model, here or elsewhere. Its methods may be called by any thread."""

    dimension: int
    max_tokens: int
    """Longest text that is read whole, in the tokens of `count_tokens`; the rest is cut off."""
    parallel: int
    """How many passes may run at once and are the faster for it."""
    spare: int
    """How many more may run where they are questions; none where all share one processor."""

    def passes(self, texts: Sequence[str], prompt: str, batch_size: int) -> Iterator[Pass]:
        """The passes that embed `texts`, each with `prompt` before it; `batch_size` texts in one at most."""

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without the marks that the model adds around it."""

    def token_starts(self, text: str) -> list[int]:
        """Where each of these tokens begins in `text`, in characters, in order."""

    def close(self) -> None:
        """Let go of connections; safe to call twice."""
