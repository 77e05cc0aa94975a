"""Opens the real parts for each test; the embedder once."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from ingest_parts import Parts

from tandem.embedding import Embedder, load_embedder
from tandem.index import open_index
from tandem.settings import EmbeddingSettings, IndexSettings, StoreSettings
from tandem.store import open_store


@pytest.fixture(scope="session")
def embedder() -> Iterator[Embedder]:
    embedder = load_embedder(EmbeddingSettings())
    yield embedder
    embedder.close()


@pytest.fixture
async def parts(embedder: Embedder, tmp_path: Path) -> AsyncIterator[Parts]:
    store = open_store(StoreSettings(), tmp_path)
    index = await open_index(
        IndexSettings(), tmp_path, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    yield Parts(store, index, embedder)
    await index.close()
    store.close()
