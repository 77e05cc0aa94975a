"""Searches some chunks by the vectors of any embedder, just as serving would: the same index, legs and fusion."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tandem.index import Fusion, Leg, Query, Vector, open_index
from tandem.settings import IndexSettings
from tandem.vocabulary import Chunk, Scope

Search = Callable[[str, Vector, Leg, int], Awaitable[list[int]]]
"""Question, its vector, leg, how many: places of the best chunks, best first."""

_BATCH = 1_000


@asynccontextmanager
async def searchable(chunks: Sequence[Chunk], vectors: Vector, fusion: Fusion) -> AsyncIterator[Search]:
    """An index of `chunks` with `vectors` of shape (len(chunks), dimension), in a folder that goes after.

    All chunks must be of one tenant.
    """
    with tempfile.TemporaryDirectory(prefix="tandem-search-") as folder:
        # An address in the settings is of the index that answers, which has nothing to do with this one.
        index = await open_index(
            IndexSettings(url=None), Path(folder), dimension=vectors.shape[1], fingerprint="search"
        )
        try:
            for start in range(0, len(chunks), _BATCH):
                await index.upsert(chunks[start : start + _BATCH], vectors[start : start + _BATCH])
            places = {chunk.id: place for place, chunk in enumerate(chunks)}
            scope = Scope(chunks[0].tenant)

            async def search(question: str, vector: Vector, leg: Leg, limit: int) -> list[int]:
                found = await index.search(scope, Query(question, vector, limit, leg, fusion))
                return [places[passage.chunk.id] for passage in found]

            yield search
        finally:
            await index.close()
