"""Does a job over a cluster. Listing, outcomes, retries and the end are those of the local engine."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from ingest.cluster.arrivals import Arrivals
from ingest.cluster.flow import flow, start_clerk, this_node
from ingest.cluster.rows import Begun, Failed, Kind, Opened, Row, Task, Told, Unchanged, rows_of
from ingest.jobs.runner import JobRunner, outcome_of
from ingest.locks import to_its_end
from ingest.manifest import Manifest
from ingest.pipeline import Ingestor
from ingest.reading import report_of
from ingest.sources import Reach
from ingest.writing import Written
from tandem.errors import ConflictError, TandemError, UnavailableError
from tandem.live import embedding_of
from tandem.settings import Settings
from tandem.store import Claim, Job, JobDocument, NewJobDocument, Outcome, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, document_id

_ROUND = 20_000
"""Documents in one run of the pipeline: its actors are started once for them."""

_LOOK_S = 0.5

Batches = Iterator[pa.Table]
Flow = Callable[..., Batches]


class ClusterRunner(JobRunner):
    """Does jobs in rounds: all documents that are due go through the pipeline together.

    What is found within them, and what is tried again, is due in the next round. Within the process the
    documents of a round are locked; versions are switched here, when all of their chunks are written.
    """

    def __init__(
        self,
        store: Store,
        ingestor: Ingestor,
        settings: Settings,
        worker: str,
        flow: Flow = flow,
    ) -> None:
        """The process is connected to Ray. `worker` is its id in the store."""
        super().__init__(store, ingestor, settings.ingest)
        self._all = settings
        self._worker = worker
        self._flow = flow
        self._arrivals = Arrivals(())
        self._locked: dict[int, asyncio.Lock] = {}

    async def _ingest_all(self, claim: Claim, job: Job, manifest: Manifest | None, reach: Reach) -> bool:
        clerk: Any = None
        if not ray.is_initialized():  # an earlier claim of the job was broken off, and the connection with it
            raise UnavailableError(
                "The connection to the cluster has ended", hint="Go on: tandem jobs resume"
            )
        while not await in_thread(self._store.is_cancelling, claim):
            due = await in_thread(self._store.due_documents, claim, _ROUND)
            if due:
                # Once a round: its documents are under way together, so it may go over by as many.
                await in_thread(self._ingestor.quota.check, job.tenant, None)
                task = await in_thread(self._task, claim, job, manifest)
                clerk = clerk or start_clerk(task, self._all.store, self._worker)
                batches = self._flow(due, task, self._all.ray)
                async with self._ingestor.barrier.passed():
                    await self._round(claim, job, due, manifest, reach, batches)
            elif await in_thread(self._store.next_due, claim) is None:
                return True
            else:
                await asyncio.sleep(_LOOK_S)
        return False

    async def _round(
        self,
        claim: Claim,
        job: Job,
        due: Sequence[JobDocument],
        manifest: Manifest | None,
        reach: Reach,
        batches: Batches,
    ) -> None:
        """One run of the pipeline. Raises `UnavailableError` if it breaks as a whole."""
        self._arrivals = Arrivals(entry.place for entry in due)
        for entry in due:
            self._locked[entry.place] = self._ingestor.writer.locks.of(_document_id(job, entry))
            await self._locked[entry.place].acquire()
        ends = [asyncio.create_task(self._one(claim, job, entry, manifest, reach)) for entry in due]
        try:
            if await self._take_all(claim, batches):
                self._arrivals.end()
                await asyncio.gather(*ends)
            else:
                await in_thread(ray.shutdown)
        except BaseException:
            # Our actors end with the connection; what they have half written can be swept then.
            await asyncio.shield(in_thread(ray.shutdown))
            raise
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
            for place in list(self._locked):
                self._locked.pop(place).release()

    async def _take_all(self, claim: Claim, batches: Batches) -> bool:
        """Take in all that comes; false if the job is to stop."""
        while True:
            waiting = asyncio.ensure_future(in_thread(_next_rows, batches))
            try:
                while not waiting.done():
                    await asyncio.wait({waiting}, timeout=_LOOK_S)
                    if await in_thread(self._store.is_cancelling, claim):
                        return False
            finally:
                waiting.cancel()
            rows = waiting.result()
            if rows is None:
                return True
            self._arrivals.add(await self._with_vectors_written(rows))

    async def _with_vectors_written(self, rows: Sequence[Row]) -> list[Row]:
        """Write the vectors among the rows: none where the actors write to a server."""
        mine = [(place, body) for place, kind, body in rows if kind is Kind.VECTOR]
        others = [row for row in rows if row[1] is not Kind.VECTOR]
        if not mine:
            return others
        chunks = [chunk for _, (chunk, _) in mine]
        vectors = np.stack([vector for _, (_, vector) in mine])
        try:
            await to_its_end(self._ingestor.live.collection.index.upsert(chunks, vectors))
        except TandemError as error:
            return [*others, *((place, Kind.LOST, error) for place, _ in mine)]
        return [*others, *((place, Kind.WRITTEN, None) for place, _ in mine)]

    async def _outcome(
        self, claim: Claim, job: Job, entry: JobDocument, manifest: Manifest | None, reach: Reach
    ) -> tuple[Outcome, list[NewJobDocument]]:
        """What becomes of a document on the cluster. Nothing of one that fails is left."""
        told: Told | None = None
        try:
            told = await self._arrivals.of(entry.place)
            return await self._ended(job, entry, told)
        finally:
            if told is None or isinstance(told, Failed):
                await self._ingestor.writer.try_sweep(_document_id(job, entry))
            self._locked.pop(entry.place).release()

    async def _ended(self, job: Job, entry: JobDocument, told: Told) -> tuple[Outcome, list[NewJobDocument]]:
        match told:
            case Opened():
                return told.outcome, told.within
            case Unchanged():
                known = _document_id(job, entry)
                caller = Caller(job.tenant)
                record = await in_thread(self._store.document_or_none, caller, job.corpus, known)
                if record is None:
                    raise ConflictError(f"{entry.uri} was removed while it was being ingested")
                unchanged = await self._ingestor.unchanged(caller, record, told.expires_at, told.groups)
                return outcome_of(replace(unchanged, attachments=told.attachments), entry)
            case Begun():
                written = await self._switched(told)
                return outcome_of(report_of(told.reading, written, told.chunks), entry)
            case Failed(TandemError() as error):
                raise error
            case Failed(fault):
                raise RuntimeError(f"a reader of the cluster: {fault}")

    async def _switched(self, told: Begun) -> Written:
        writer, reading = self._ingestor.writer, told.reading
        try:
            replaced = await writer.switch(told.likeness, reading.version, told.original, told.chunks)
        except ConflictError:
            await writer.condemn(reading.document, reading.version)
            raise
        finally:
            swept = await writer.try_sweep(reading.document.id)
        return Written(replaced, swept, told.original)

    def _task(self, claim: Claim, job: Job, manifest: Manifest | None) -> Task:
        settings, collection = self._all, self._ingestor.live.collection
        known = next((one for one in self._store.collections() if one.name == collection.name), None)
        embedding = settings.embedding if known is None else embedding_of(known.embedding, settings.embedding)
        return Task(
            claim=claim,
            clerk=f"clerk-{job.id}-{claim.number}",
            tenant=job.tenant,
            corpus=job.corpus,
            manifest=manifest,
            splitting=self._store.splitting_of(job.tenant, job.corpus),
            ingest=settings.ingest,
            embedding=embedding,
            index=settings.index,
            collection=collection.name,
            fingerprint=collection.embedder.fingerprint,
            home=this_node(),
            data_dir=settings.data_dir,
        )


def _document_id(job: Job, entry: JobDocument) -> str:
    return document_id(job.tenant, job.corpus, entry.uri)


def _next_rows(batches: Batches) -> list[Row] | None:
    """What comes next, `None` at the end; blocking. Raises `TandemError` if the pipeline breaks."""
    try:
        table = next(batches, None)
        return None if table is None else list(rows_of(table))
    except Exception as error:
        raise _explained(error) from error


def _explained(error: BaseException) -> TandemError:
    """The error of ours for which the pipeline broke, if it is one; else that it broke."""
    cause: BaseException | None = error
    while cause is not None:
        inner = getattr(cause, "cause", None)
        if isinstance(inner, TandemError):
            return inner
        cause = cause.__cause__
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return UnavailableError(
        f"The cluster broke off: {lines[-1]}",
        hint="What is done stays. Look at Ray's log, then go on: tandem jobs resume",
    )
