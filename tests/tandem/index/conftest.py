"""An index of four chunks in each of two corpora of two tenants, in each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from index_chunks import SETTINGS, TEXTS, VECTORS, chunk
from qdrant_client import AsyncQdrantClient

from tandem.index import Index, open_index
from tandem.index.server import ServerIndex


@pytest.fixture(params=["edge", "server"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    if request.param == "edge":
        opened: Index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    else:
        client = AsyncQdrantClient(":memory:")
        opened = await ServerIndex.open(client, SETTINGS, dimension=4, fingerprint="f")
    yield opened
    await opened.close()


@pytest.fixture
async def index(empty: Index) -> Index:
    for tenant in ("acme", "other"):
        for corpus in ("docs", "notes"):
            chunks = [chunk(text, n, tenant, corpus) for n, text in enumerate(TEXTS)]
            await empty.upsert(chunks, VECTORS)
    return empty
