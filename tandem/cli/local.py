"""The same work in this process, for when no server runs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from ingest import Ingestor
from ingest.beside import Beside
from ingest.cluster.starting import cluster
from ingest.jobs import JobWorker, alive, join_workers
from ingest.reindexing import Reindexer
from tandem.cli.output import progress
from tandem.live import open_index_of, open_live
from tandem.settings import Settings
from tandem.store import Store, open_store
from tandem.threads import in_thread


@asynccontextmanager
async def local_worker(
    settings: Settings, *, on_cluster: bool = False
) -> AsyncIterator[tuple[Ingestor, JobWorker]]:
    """Open store, embedder and index, and repair what an earlier stop left; close all of it after.

    With `on_cluster` the worker lets a Ray cluster do its jobs. Raises `IndexOwnedError` when another
    process has the index, and what `ingest.cluster.starting` raises.
    """
    async with AsyncExitStack() as stack:
        if on_cluster:
            stack.enter_context(cluster(settings.ray))
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        live = await open_live(store, settings, progress)
        stack.push_async_callback(live.close)
        me = await in_thread(join_workers, store, stack)
        await stack.enter_async_context(alive(store, me))
        ingestor = Ingestor(store, live, settings.ingest, me, Beside(store, settings), settings.limits)
        stack.push_async_callback(ingestor.close)
        await ingestor.repair()
        runner = None
        if on_cluster:
            from ingest.cluster.runner import ClusterRunner

            runner = ClusterRunner(store, ingestor, settings, me)
        yield ingestor, JobWorker(store, ingestor, settings.ingest, me, runner)


@asynccontextmanager
async def local_reindexer(settings: Settings, store: Store) -> AsyncIterator[Reindexer]:
    """Own the index that answers, so that nobody writes to it, and let others know that this process lives.

    The embedder that answers is not loaded: it need not even be there any more. Raises as `local_worker`.
    """
    async with AsyncExitStack() as stack:
        known = await in_thread(store.active_collection)
        if known is None:  # written before collections were noted
            stack.push_async_callback((await open_live(store, settings)).close)
        else:
            stack.push_async_callback((await open_index_of(known, settings)).close)
        me = await in_thread(join_workers, store, stack)
        await stack.enter_async_context(alive(store, me))
        yield Reindexer(store, settings, me, None)
