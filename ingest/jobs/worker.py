"""Does jobs, as long as the process lives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import structlog

from ingest.jobs.runner import JobRunner
from ingest.locks import to_its_end
from ingest.pipeline import Ingestor
from tandem.errors import NotFoundError, TandemError
from tandem.settings import IngestSettings
from tandem.store import Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller

log = structlog.get_logger(__name__)

_BEAT_S = 5.0
_LOOK_S = 0.5
"""How often a worker without a job looks for one that another process has queued."""

_JOBS_AT_ONCE = 2
"""So that a small job need not wait for the end of a large one."""

_TIDY_S = 60.0
_JOBS_ARE_KEPT = timedelta(days=30)


def join_workers(store: Store, stack: AsyncExitStack) -> str:
    """Register this process in the store as one that writes; `stack` strikes it out. Returns its id."""
    worker = str(uuid4())
    store.register_worker(worker)
    stack.callback(store.leave_worker, worker)
    return worker


async def say_alive(store: Store, worker: str) -> None:
    """Say that the worker lives, again and again until cancelled."""
    while True:
        try:
            # To its end: one that came after the worker has left would bring it back.
            await to_its_end(in_thread(store.seen_worker, worker))
        except TandemError as error:
            log.warning("cannot say that this worker lives", error=error.message)
        except Exception:  # a fault of ours here would give all that this worker does to others
            log.exception("cannot say that this worker lives")
        await asyncio.sleep(_BEAT_S)


@asynccontextmanager
async def alive(store: Store, worker: str) -> AsyncIterator[None]:
    """Say that the worker lives for as long as the block lasts."""
    beat = asyncio.create_task(say_alive(store, worker))
    try:
        yield
    finally:
        beat.cancel()
        await asyncio.wait([beat])


class JobWorker:
    """Claims jobs and does them; says that it lives; removes what has expired."""

    def __init__(
        self,
        store: Store,
        ingestor: Ingestor,
        settings: IngestSettings,
        worker: str,
        runner: JobRunner | None = None,
    ) -> None:
        """`worker` is the id under which this process is registered in the store.

        `runner` does the jobs in another way than this process by itself.
        """
        self._store = store
        self._ingestor = ingestor
        self._runner = runner or JobRunner(store, ingestor, settings)
        self.id = worker
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for a job now."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled; jobs that are under way then wait for the next worker."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(say_alive(self._store, self.id))
            tasks.create_task(self._tidy())
            for _ in range(_JOBS_AT_ONCE):
                tasks.create_task(self._work())

    async def run_one(self, caller: Caller, job_id: str) -> None:
        """Do one job, as a command does that has no server; returns when it has ended.

        Where another worker holds it, this one waits: that one ends it, or is found to be dead.
        """
        async with alive(self._store, self.id):
            while not (await in_thread(self._store.job, caller, job_id)).ended:
                claimed = await in_thread(self._store.claim_job, self.id, job_id)
                if claimed is None:
                    await asyncio.sleep(_LOOK_S)
                    continue
                if await self._runner.run(*claimed):
                    await self._ingestor.compact()
                else:  # what stood in the way may stand there for a while
                    await asyncio.sleep(_LOOK_S)

    async def _work(self) -> None:
        while True:
            try:
                if not await self._next():
                    await self._pause()
            except TandemError as error:
                # The store or the index is away: the job was let go, and is claimed again when it is back.
                log.warning("ingestion interrupted", error=error.message)
                await asyncio.sleep(_BEAT_S)
            except Exception:  # a fault of ours in one step must not end all of them
                log.exception("ingestion interrupted")
                await asyncio.sleep(_BEAT_S)

    async def _next(self) -> bool:
        """Do the next job; false if there is none, or if it was broken off."""
        await self._runner.release()
        if not await in_thread(self._store.has_free_job):
            return False
        claimed = await in_thread(self._store.claim_job, self.id)
        if claimed is None:
            return False
        return await self._runner.run(*claimed)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    async def _tidy(self) -> None:
        while True:
            try:
                await self._remove_expired()
                await self._ingestor.repair()
                await self._ingestor.compact()
                await in_thread(self._store.purge_jobs, datetime.now(UTC) - _JOBS_ARE_KEPT)
            except TandemError as error:
                log.warning("tidying up is postponed", error=error.message)
            except Exception:  # as above
                log.exception("tidying up is postponed")
            await asyncio.sleep(_TIDY_S)

    async def _remove_expired(self) -> None:
        for record in await in_thread(self._store.expired):
            try:
                await self._ingestor.remove.document(Caller(record.tenant), record.corpus, record.id)
            except NotFoundError:
                continue  # another worker was faster
            log.info("expired document removed", uri=record.uri, corpus=record.corpus)
