"""What an index of chunks can do. Two engines do it: Qdrant Edge and a Qdrant server."""

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tandem.index.fusion import Fusion
from tandem.vocabulary import Chunk, Passage, Scope

Vector = NDArray[np.float32]
T = TypeVar("T")


class Leg(StrEnum):
    """By what a query ranks."""

    DENSE = "dense"
    BM25 = "bm25"
    HYBRID = "hybrid"


def scored_by(leg: Leg, fusion: Fusion) -> str:
    """What makes a query's scores: where it is the same they are of the same size."""
    if leg is not Leg.HYBRID:
        return str(leg)
    more = f"k={fusion.rrf_k}" if fusion.method == "rrf" else f"of {fusion.candidates}"
    return f"{leg} {fusion.method} {fusion.dense_weight:g}:{fusion.sparse_weight:g} {more}"


@dataclass(frozen=True, slots=True)
class Query:
    """One question for the index: its text for BM25, its vector of shape (dimension,) for the dense leg.

    The vector may be on its way still: an index that can look for the words meanwhile does.
    """

    text: str
    coming: Vector | Future[Vector]
    limit: int
    leg: Leg = Leg.HYBRID
    fusion: Fusion = Fusion()
    """How the two legs of a hybrid query become one ranking."""
    exact: bool = False
    """Look at every vector of the scope as it is, however long that takes: what others are measured by."""
    besides: frozenset[tuple[str, str]] = frozenset()
    """Documents and versions of which nothing is to be found."""

    @property
    def vector(self) -> Vector:
        """The question's vector. It blocks while that is on its way, and raises what the embedder raised."""
        return self.coming.result() if isinstance(self.coming, Future) else self.coming

    @property
    def scored_by(self) -> str:
        """What makes the scores of what it finds."""
        return scored_by(self.leg, self.fusion)


class Index(Protocol):
    """A collection of chunks with dense and BM25 vectors.

    Every search is limited to a `Scope`; there is no way to search without one. All methods raise
    `UnavailableError` when the engine is out of reach and `StorageError` when the disk refuses.
    """

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        """Write chunks with `vectors` of shape (len(chunks), dimension). Durable when it returns."""
        ...

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        """The best passages of the scope, best first, at most `query.limit`; none whose time is up.

        Raises `InvalidRequestError` for a key of `scope.where` that cannot be one.
        """
        ...

    async def search_with(
        self, scope: Scope, query: Query, look: Callable[[list[Passage]], T]
    ) -> tuple[list[Passage], T]:
        """What `search` finds, and what `look`, which may block, says of it.

        Where the search blocks too, both are done on one thread: a second one may have to wait for its turn.
        """
        ...

    async def delete_version(self, tenant: str, document_id: str, version: str) -> int:
        """Remove every chunk of one version of a document; returns how many there were."""
        ...

    async def set_expiry(
        self, tenant: str, document_id: str, version: str, expires_at: datetime | None
    ) -> None:
        """Let the chunks of a version expire at another moment, or never."""
        ...

    async def set_groups(self, tenant: str, document_id: str, groups: tuple[str, ...]) -> None:
        """Let the chunks of all versions of a document be found by callers of these access groups, by all
        callers where there are none.
        """
        ...

    def foreign_hits(self) -> int:
        """How many hits of other tenants were dropped since this was last asked: an alarm, where not 0."""
        ...

    async def delete(self, tenant: str, corpus: str | None = None) -> int:
        """Remove every chunk of a corpus, or of a tenant; returns how many there were."""
        ...

    async def count(self, scope: Scope) -> int:
        """Number of chunks in the scope, of all versions, also of those whose time is up."""
        ...

    def chunks(self) -> AsyncIterator[Chunk]:
        """Every chunk of every tenant, in an order that stays.

        For comparing the index with the store; never for an answer.
        """
        ...

    def points(self) -> AsyncIterator[tuple[list[Chunk], Vector]]:
        """Every chunk of every tenant with its vector, of shape (number of chunks, dimension), page by page.

        For copies of the index; never for an answer. What is written meanwhile may be there or not.
        """
        ...

    async def compact(self, *, at_once: bool = False) -> bool:
        """Make searches fast and the index small, if enough has changed (`at_once`: if anything has).

        Searches and writes go on meanwhile. Returns whether anything was done; a server does it by itself.
        Call it when a job has ended: it may take minutes. Raises `StorageError`; the index then serves on
        as it is.
        """
        ...

    async def close(self) -> None:
        """Flush and let go of files and connections; safe to call twice."""
        ...
