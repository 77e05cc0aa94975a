"""Does one job: lists its sources, ingests document by document, removes what has vanished."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from ingest.accept import Upload
from ingest.jobs.asking import Asked, Asking
from ingest.jobs.budget import Budget
from ingest.jobs.entries import entry_of_item, entry_of_upload, item_of, owner_of, upload_of
from ingest.jobs.opening import check_depth, failed, opened, source_of
from ingest.manifest import Manifest, Splitting, manifest_of
from ingest.pipeline import Ingestor
from ingest.reading import DocumentReport
from ingest.sources import Item, Reach, Source, fetch, items, tells_changes
from tandem.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    StorageError,
    TandemError,
    UnavailableError,
)
from tandem.settings import IngestSettings
from tandem.store import Claim, Job, JobDocument, NewJobDocument, Outcome, Store
from tandem.threads import in_thread

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

_OURS = {"type": "internal_error", "message": "Tandem failed here", "hint": "See the log."}


class _SourceError(Exception):
    """A source could not be listed; the store's own errors are other ones."""

    def __init__(self, error: TandemError) -> None:
        super().__init__(error.message)
        self.error = error


class JobRunner:
    """Does the jobs that a worker has claimed."""

    def __init__(self, store: Store, ingestor: Ingestor, settings: IngestSettings) -> None:
        self._store = store
        self._ingestor = ingestor
        self._settings = settings
        self._asking = Asking(store, ingestor)
        self._held: set[Claim] = set()
        self._budget = Budget(_BYTES_AT_ONCE)
        self._fetching = asyncio.Semaphore(_FETCHES_AT_ONCE)

    async def run(self, claim: Claim, job: Job) -> bool:
        """Do the job to its end, to its cancellation, or until the claim is lost; false if it was broken off.

        What was done is kept at any moment; a cancelled task lets another worker go on.
        """
        reach = Reach(self._settings)
        try:
            state, error = await self._end_of(claim, job, reach)
            await in_thread(self._store.end_job, claim, state, error)
        except ConflictError as error:
            # Of the claim, which another worker has then; else of a document, and the job is tried again.
            log.warning("ingestion broken off", job=claim.job_id, why=error.message)
            self._held.add(claim)
            await self.release()
            return False
        except BaseException:
            self._held.add(claim)
            with suppress(TandemError):  # the first error, or the cancellation, is what must be told
                await asyncio.shield(self.release())
            raise
        else:
            return True
        finally:
            await in_thread(reach.close)

    async def release(self) -> None:
        """Let go of jobs that were broken off; those that the store does not take back now wait for the next call."""
        for claim in list(self._held):
            await in_thread(self._store.release_job, claim)
            self._held.discard(claim)

    async def _end_of(self, claim: Claim, job: Job, reach: Reach) -> tuple[str, dict[str, Any] | None]:
        """As `_do`, with what the next worker would meet again as the job's failure."""
        try:
            return await self._do(claim, job, reach)
        except _MAY_PASS:
            raise  # of the store or the index: the job waits for them
        except _SourceError as refused:
            return "failed", dict(refused.error.body()["error"])
        except TandemError as error:
            return "failed", dict(error.body()["error"])
        except Exception:
            log.exception("ingestion failed", job=claim.job_id)
            return "failed", _OURS

    async def _do(self, claim: Claim, job: Job, reach: Reach) -> tuple[str, dict[str, Any] | None]:
        """The state in which the job ends, and why if it failed."""
        begun = datetime.now(UTC)
        manifest = manifest_of(job.manifest) if job.manifest.get("sources") else None
        if manifest is not None and manifest.splitting != Splitting():
            wanted = manifest.splitting.model_dump(exclude_none=True)
            await in_thread(self._store.set_splitting, job.tenant, job.corpus, wanted)
        # What is removed must be judged by a fresh list, not by one that an earlier claim has made.
        stale = not job.listed or (job.sync and claim.number > 1)
        if manifest is not None and stale and not await self._list(claim, manifest, reach):
            return "cancelled", None
        await in_thread(self._store.end_listing, claim)
        if not await self._ingest_all(claim, job, manifest, reach):
            return "cancelled", None
        if manifest is not None and job.sync:
            await in_thread(self._check_sources, job, manifest, reach)
            await self._remove_vanished(claim, job, begun)
        await self._ingestor.index_orphans()
        return "done", None

    async def _list(self, claim: Claim, manifest: Manifest, reach: Reach) -> bool:
        """List all sources; false if the job was cancelled before the end. Tries again what may pass."""
        for tries in range(self._settings.tries):
            try:
                return await in_thread(self._list_once, claim, manifest, reach)
            except _SourceError as refused:
                if not isinstance(refused.error, UnavailableError) or tries + 1 == self._settings.tries:
                    raise
                await asyncio.sleep(self._wait(tries, refused.error).total_seconds())
        return False

    def _list_once(self, claim: Claim, manifest: Manifest, reach: Reach) -> bool:
        for number, source in enumerate(manifest.sources):
            listed = _listed(source, reach)
            while batch := [entry_of_item(item, number) for item in islice(listed, _LISTED_AT_ONCE)]:
                self._store.list_documents(claim, batch)
                if self._store.is_cancelling(claim):
                    return False
        return True

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
            outcome, within = await self._outcome(claim, job, entry, manifest, reach)
        except _MAY_PASS as error:
            if entry.tries + 1 < self._settings.tries:
                due_at = datetime.now(UTC) + self._wait(entry.tries, error)
                why = error.body()["error"]
                await in_thread(self._store.postpone_document, claim, entry.place, due_at, why)
                return
            outcome, within = failed(error), []
        except TandemError as error:
            outcome, within = failed(error), []
        except Exception:
            # A fault of ours in one document must not stop the others; it is told, and logged whole.
            log.exception("document failed", uri=entry.uri, job=claim.job_id)
            outcome, within = Outcome("failed", error=_OURS), []
        await in_thread(self._store.end_document, claim, entry.place, outcome, within)

    async def _outcome(
        self, claim: Claim, job: Job, entry: JobDocument, manifest: Manifest | None, reach: Reach
    ) -> tuple[Outcome, list[NewJobDocument]]:
        """What becomes of a document, and the documents within it."""
        check_depth(entry, self._settings)
        async with AsyncExitStack() as stack:
            async with self._fetching:
                asked, upload = await in_thread(self._fetch, job, entry, manifest, reach)
                if upload is not None:
                    await stack.enter_async_context(self._budget.holding(len(upload.content)))
            if upload is None:
                return outcome_of(await self._asking.unchanged(job, asked), entry)
            found = await in_thread(opened, upload, entry, manifest, self._settings)
            if found is not None:
                return found
            report = await self._ingestor.ingest(owner_of(job), job.corpus, upload, claim=claim)
            if asked is not None:
                await self._asking.note(asked, upload, report)
            return outcome_of(report, entry)

    def _fetch(
        self, job: Job, entry: JobDocument, manifest: Manifest | None, reach: Reach
    ) -> tuple[Asked | None, Upload | None]:
        """What the source was asked, if it can be, and what it sent: nothing where nothing has changed."""
        if entry.content_hash is not None:
            return None, upload_of(entry, self._store.content(job.id, entry.content_hash))
        source = source_of(entry, manifest)
        if tells_changes(source):
            return self._asking.fetch(job, entry, source, reach)
        return None, fetch(source, item_of(entry), reach)

    def _check_sources(self, job: Job, manifest: Manifest, reach: Reach) -> None:
        """Raise `InvalidRequestError` where a source lists nothing: what is not mounted must empty no corpus."""
        listed = self._store.listed_sources(job.id)
        for number, source in enumerate(manifest.sources):
            # All that it lists may be another source's, too; so it is asked once more.
            if number not in listed and next(_listed(source, reach), None) is None:
                raise InvalidRequestError(
                    f"Source {number + 1} of corpus {job.corpus!r} lists no document, so none was removed",
                    param=f"sources[{number}]",
                    hint="Is it reachable? Leave the source out, or delete the corpus to empty it.",
                )

    async def _remove_vanished(self, claim: Claim, job: Job, begun: datetime) -> None:
        """Remove the documents of the corpus that no source has any more; what was read since `begun` stays, and
        what whoever asked for the job may not see.
        """
        states = await in_thread(self._store.states_of_uris, job.id)
        unknown = tuple(
            uri + mark for uri, state in states.items() if state in _KEEPS_ITS_PARTS for mark in ("!/", "#")
        )
        held = await in_thread(self._store.current_uris, owner_of(job), job.corpus, begun)
        for document_id, uri in held.items():
            if uri not in states and not uri.startswith(unknown):
                with suppress(NotFoundError):  # removed by somebody else in the meantime
                    await self._ingestor.remove.document(owner_of(job), job.corpus, document_id)
                await in_thread(self._store.add_outcome, claim, uri, Outcome("removed", document_id))

    def _wait(self, tries: int, error: TandemError) -> timedelta:
        """Twice as long each time, a little apart from the others, and as long as the error asks for."""
        wait = self._settings.retry_wait_s * 2**tries * random.uniform(1, 1.2)  # noqa: S311
        return min(timedelta(seconds=max(wait, error.retry_after or 0)), _LONGEST_WAIT)


def _listed(source: Source, reach: Reach) -> Iterator[Item]:
    try:
        yield from items(source, reach)
    except TandemError as error:
        raise _SourceError(error) from error


def outcome_of(report: DocumentReport, entry: JobDocument) -> tuple[Outcome, list[NewJobDocument]]:
    """What became of a document, and the documents within it."""
    outcome = Outcome(report.status, report.document_id, report.chunks, report.tokens, tuple(report.warnings))
    return outcome, [entry_of_upload(one, entry.depth + 1) for one in report.attachments]
