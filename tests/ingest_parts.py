"""The real parts that ingestion stands on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest import Ingestor
from server.monitoring import Metrics
from tandem.embedding import Embedder
from tandem.index import Index, open_index
from tandem.live import Collection, Live
from tandem.settings import IndexSettings, IngestSettings, StoreSettings
from tandem.store import Store, open_store


@dataclass
class Parts:
    """What an `Ingestor` is made of."""

    store: Store
    index: Index
    embedder: Embedder
    metrics: Metrics = field(default_factory=Metrics)

    def ingestor(self, **settings: object) -> Ingestor:
        return Ingestor(self.store, self.live, IngestSettings(**settings))

    @property
    def live(self) -> Live:
        return Live(Collection(None, self.index, self.embedder))


@asynccontextmanager
async def opened(embedder: Embedder, folder: Path, store_url: str | None = None) -> AsyncIterator[Parts]:
    """A store at `store_url` or in `folder`, and an index in `folder`, for as long as the block lasts."""
    store = open_store(StoreSettings(url=store_url), folder)
    index = await open_index(
        IndexSettings(), folder, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    yield Parts(store, index, embedder)
    await index.close()
    store.close()
