"""Opens the real parts for each test; the embedder once."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from ingest_parts import Parts, opened
from jobs_desk import Desk

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


@pytest.fixture
def desk(parts: Parts, tmp_path: Path) -> Desk:
    return Desk(parts, tmp_path / "files")
