"""The real parts that ingestion stands on."""

from dataclasses import dataclass

from ingest import Ingestor
from tandem.embedding import Embedder
from tandem.index import Index
from tandem.settings import IngestSettings
from tandem.store import Store


@dataclass
class Parts:
    """What an `Ingestor` is made of."""

    store: Store
    index: Index
    embedder: Embedder

    def ingestor(self, **settings: object) -> Ingestor:
        return Ingestor(self.store, self.index, self.embedder, IngestSettings(**settings))
