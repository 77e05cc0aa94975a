"""A data set's documents through the real ingestion, for benchmarks that search."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest import Ingestor, Upload
from tandem.embedding import Embedder, load_embedder
from tandem.index import Index, open_index
from tandem.live import Collection, Live
from tandem.settings import Settings
from tandem.store import open_store
from tandem.vocabulary import Caller, Chunk, Scope

CORPUS = "bench"


@dataclass(frozen=True, slots=True)
class Ingested:
    """What is searched, and by whom."""

    settings: Settings
    index: Index
    embedder: Embedder
    scope: Scope
    chunks: list[Chunk]


@asynccontextmanager
async def ingested(documents: list[Any], folder: Path) -> AsyncIterator[Ingested]:
    """The documents as one corpus in `folder`; a chunk's `uri` is its document's id."""
    settings = Settings(data_dir=folder)
    embedder = load_embedder(settings.embedding)
    store = open_store(settings.store, folder)
    index = await open_index(
        settings.index, folder, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    ingestor = Ingestor(store, Live(Collection(None, index, embedder)), settings.ingest)
    try:
        for document in documents:
            content = f"{document['title']}\n\n{document['text']}".encode()
            upload = Upload(uri=document["id"], name=f"{document['id']}.txt", content=content)
            await ingestor.ingest(Caller(), CORPUS, upload)
        chunks = [chunk async for chunk in index.chunks()]
        yield Ingested(settings, index, embedder, Scope.of(Caller(), [CORPUS]), chunks)
    finally:
        await index.close()
        store.close()
        embedder.close()
