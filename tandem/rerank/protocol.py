"""What a reranker does."""

from collections.abc import Sequence
from typing import Protocol

from tandem.vocabulary import Passage


class Reranker(Protocol):
    """Puts a question's candidates into a better order. Several questions may be in it at a time."""

    async def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """One score a passage, in their order; higher is better, and only the order means something.

        Raises `UnavailableError` where a model or an endpoint does not serve.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; safe to call twice."""
        ...
