"""The same work in this process, for when no server runs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from ingest import Ingestor
from ingest.jobs import JobWorker, join_workers
from tandem.cli.output import progress
from tandem.embedding import load_embedder
from tandem.index import open_index
from tandem.settings import Settings
from tandem.store import open_store
from tandem.threads import in_thread


@asynccontextmanager
async def local_worker(settings: Settings) -> AsyncIterator[tuple[Ingestor, JobWorker]]:
    """Open store, embedder and index, and repair what an earlier stop left; close all of it after.

    Raises `IndexOwnedError` when another process has the index.
    """
    async with AsyncExitStack() as stack:
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        embedder = await in_thread(load_embedder, settings.embedding, settings.data_dir, progress)
        stack.callback(embedder.close)
        index = await open_index(
            settings.index, settings.data_dir, dimension=embedder.dimension, fingerprint=embedder.fingerprint
        )
        stack.push_async_callback(index.close)
        me = await in_thread(join_workers, store, stack)
        ingestor = Ingestor(store, index, embedder, settings.ingest, me)
        stack.push_async_callback(ingestor.close)
        await ingestor.repair()
        yield ingestor, JobWorker(store, ingestor, settings.ingest, me)
