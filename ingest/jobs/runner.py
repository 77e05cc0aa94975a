"""Does one job: lists its sources, ingests document by document, removes what has vanished."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from ingest.accept import Upload
from ingest.archives import Refusal
from ingest.expanding import documents
from ingest.jobs.budget import Budget
from ingest.jobs.entries import HANDED_IN, entry_of_item, entry_of_upload, item_of, upload_of
from ingest.manifest import Manifest, Splitting, manifest_of
from ingest.pipeline import DocumentReport, Ingestor
from ingest.sources import Reach, fetch, items
from tandem.errors import ConflictError, InvalidRequestError, StorageError, TandemError, UnavailableError
from tandem.settings import IngestSettings
from tandem.store import Claim, Job, JobDocument, NewJobDocument, Outcome, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller

log = structlog.get_logger(__name__)

_AT_ONCE = 32
"""Documents that are under way: enough that the embedder's batches are full though each has one chunk."""

_BYTES_AT_ONCE = 256 * 1024 * 1024
_FETCHES_AT_ONCE = 4

_LISTED_AT_ONCE = 200
_LOOK_S = 0.5
"""How often a job looks whether it is to stop, or whether a postponed document is due."""

_LONGEST_WAIT = timedelta(minutes=10)
_MAY_PASS = (UnavailableError, StorageError, ConflictError)
_KEEPS_ITS_PARTS = ("failed", "cancelled", "unchanged")
"""Documents of which nothing is known of what lies within them; what is indexed of that stays."""


class JobRunner:
    """Does the jobs that a worker has claimed."""

    def __init__(self, store: Store, ingestor: Ingestor, settings: IngestSettings) -> None:
        self._store = store
        self._ingestor = ingestor
        self._settings = settings
        self._budget = Budget(_BYTES_AT_ONCE)
        self._fetching = asyncio.Semaphore(_FETCHES_AT_ONCE)

    async def run(self, claim: Claim, job: Job) -> None:
        """Do the job to its end, to its cancellation, or until the claim is lost.

        What was done is kept at any moment; a cancelled task lets another worker go on.
        """
        reach = Reach(self._settings)
        try:
            state, error = await self._do(claim, job, reach)
            await in_thread(self._store.end_job, claim, state, error)
        except ConflictError:
            log.warning("ingestion taken over", job=claim.job_id)
        except BaseException:
            await asyncio.shield(in_thread(self._store.release_job, claim))
            raise
        finally:
            await in_thread(reach.close)

    async def _do(self, claim: Claim, job: Job, reach: Reach) -> tuple[str, dict[str, Any] | None]:
        """The state in which the job ends, and why if it failed."""
        caller = Caller(job.tenant)
        try:
            manifest = manifest_of(job.manifest) if job.manifest.get("sources") else None
            if manifest is not None and manifest.splitting != Splitting():
                wanted = manifest.splitting.model_dump(exclude_none=True)
                await in_thread(self._store.set_splitting, job.tenant, job.corpus, wanted)
            if manifest is not None and not job.listed:
                await in_thread(self._list, claim, manifest, reach)
            await in_thread(self._store.end_listing, claim)
        except ConflictError:
            raise
        except TandemError as error:
            return "failed", error.body()["error"]
        if not await self._ingest_all(claim, job, manifest, reach):
            return "cancelled", None
        if job.sync:
            try:
                await self._remove_vanished(claim, job, caller)
            except InvalidRequestError as error:
                return "failed", error.body()["error"]
        await self._ingestor.index_orphans()
        return "done", None

    def _list(self, claim: Claim, manifest: Manifest, reach: Reach) -> None:
        for number, source in enumerate(manifest.sources):
            listed = items(source, reach)
            while batch := [entry_of_item(item, number) for item in islice(listed, _LISTED_AT_ONCE)]:
                self._store.list_documents(claim, batch)
                if self._store.is_cancelling(claim):
                    return

    async def _ingest_all(self, claim: Claim, job: Job, manifest: Manifest | None, reach: Reach) -> bool:
        """Ingest what waits, several documents at a time; false if the job was cancelled."""
        under_way: dict[asyncio.Task[None], int] = {}
        try:
            while not await in_thread(self._store.is_cancelling, claim):
                room = _AT_ONCE - len(under_way)
                due = await in_thread(self._store.due_documents, claim, room, list(under_way.values()))
                for entry in due:
                    work = self._one(claim, job, entry, manifest, reach)
                    under_way[asyncio.create_task(work)] = entry.place
                if not under_way:
                    if await in_thread(self._store.next_due, claim) is None:
                        return True
                    await asyncio.sleep(_LOOK_S)
                    continue
                done, _ = await asyncio.wait(under_way, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del under_way[task]
                    task.result()
            return False
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _one(
        self, claim: Claim, job: Job, entry: JobDocument, manifest: Manifest | None, reach: Reach
    ) -> None:
        """Do one document, and note what became of it."""
        try:
            outcome, within = await self._outcome(job, entry, manifest, reach)
        except _MAY_PASS as error:
            if entry.tries + 1 < self._settings.tries:
                due_at = datetime.now(UTC) + self._wait(entry.tries, error)
                why = error.body()["error"]
                await in_thread(self._store.postpone_document, claim, entry.place, due_at, why)
                return
            outcome, within = _failed(error), []
        except TandemError as error:
            outcome, within = _failed(error), []
        except Exception:
            # A fault of ours in one document must not stop the others; it is told, and logged whole.
            log.exception("document failed", uri=entry.uri, job=claim.job_id)
            fault = {"type": "internal_error", "message": "Tandem failed here", "hint": "See the log."}
            outcome, within = Outcome("failed", error=fault), []
        await in_thread(self._store.end_document, claim, entry.place, outcome, within)

    async def _outcome(
        self, job: Job, entry: JobDocument, manifest: Manifest | None, reach: Reach
    ) -> tuple[Outcome, list[NewJobDocument]]:
        """What becomes of a document, and the documents within it."""
        async with AsyncExitStack() as stack:
            async with self._fetching:
                upload = await self._fetch(job, entry, manifest, reach)
                await stack.enter_async_context(self._budget.holding(len(upload.content)))
            return await self._taken_in(job, entry, manifest, upload)

    async def _taken_in(
        self, job: Job, entry: JobDocument, manifest: Manifest | None, upload: Upload
    ) -> tuple[Outcome, list[NewJobDocument]]:
        mapping = manifest.sources[entry.source].records if manifest and entry.source != HANDED_IN else None
        found = await in_thread(list, documents(upload, mapping, self._settings))
        if found != [upload]:
            return _unpacked(found, entry)
        report = await self._ingestor.ingest(Caller(job.tenant), job.corpus, upload)
        attached = [entry_of_upload(one, entry.depth + 1) for one in report.attachments]
        return _outcome_of(report), attached

    async def _fetch(self, job: Job, entry: JobDocument, manifest: Manifest | None, reach: Reach) -> Upload:
        if entry.content_hash is not None:
            content = await in_thread(self._store.content, job.id, entry.content_hash)
            return upload_of(entry, content)
        if manifest is None or entry.source == HANDED_IN:
            raise InvalidRequestError(f"{entry.name} has no source")
        return await in_thread(fetch, manifest.sources[entry.source], item_of(entry), reach)

    async def _remove_vanished(self, claim: Claim, job: Job, caller: Caller) -> None:
        """Remove the documents of the corpus that no source has any more.

        Raises `InvalidRequestError` where the sources list nothing at all: a folder that is not mounted
        must not empty a corpus.
        """
        states = await in_thread(self._store.states_of_uris, job.id)
        if not states:
            raise InvalidRequestError(
                f"The sources of corpus {job.corpus!r} list no document, so none was removed",
                hint="Are they reachable? To empty the corpus, delete it.",
            )
        unknown = tuple(
            uri + mark for uri, state in states.items() if state in _KEEPS_ITS_PARTS for mark in ("!/", "#")
        )
        held = await in_thread(self._store.current_uris, job.tenant, job.corpus)
        for document_id, uri in held.items():
            if uri not in states and not uri.startswith(unknown):
                await self._ingestor.remove.document(caller, job.corpus, document_id)
                await in_thread(self._store.add_outcome, claim, uri, Outcome("removed", document_id))

    def _wait(self, tries: int, error: TandemError) -> timedelta:
        """Twice as long each time, a little apart from the others, and as long as the error asks for."""
        wait = self._settings.retry_wait_s * 2**tries * random.uniform(1, 1.2)  # noqa: S311
        return min(timedelta(seconds=max(wait, error.retry_after or 0)), _LONGEST_WAIT)


def _unpacked(found: Sequence[Upload | Refusal], entry: JobDocument) -> tuple[Outcome, list[NewJobDocument]]:
    """The documents in a file. What is sound in it is taken, though a part of it be refused."""
    within = [entry_of_upload(one, entry.depth + 1) for one in found if isinstance(one, Upload)]
    refused = [one.error for one in found if isinstance(one, Refusal)]
    return (_failed(refused[0]) if refused else Outcome("unpacked")), within


def _failed(error: TandemError) -> Outcome:
    return Outcome("failed", error=dict(error.body()["error"]))


def _outcome_of(report: DocumentReport) -> Outcome:
    return Outcome(report.status, report.document_id, report.chunks, report.tokens, tuple(report.warnings))
