"""Opens the real parts for each test; the embedder once."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from ingest_parts import Parts, opened

from tandem.embedding import Embedder, load_embedder
from tandem.settings import EmbeddingSettings


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    embedder = load_embedder(EmbeddingSettings())
    yield embedder
    embedder.close()


@pytest.fixture
async def parts(embedder: Embedder, tmp_path: Path) -> AsyncIterator[Parts]:
    async with opened(embedder, tmp_path) as parts:
        yield parts
