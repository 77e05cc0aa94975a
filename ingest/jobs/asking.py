"""Asks sources only for what has changed, where they can say it."""

from dataclasses import dataclass

from ingest.accept import Upload
from ingest.jobs.entries import item_of, owner_of
from ingest.pipeline import Ingestor
from ingest.reading import DocumentReport
from ingest.sources import Reach, Source, fetch_changed
from tandem.access_groups import checked_groups
from tandem.errors import InvalidRequestError
from tandem.store import Job, JobDocument, Revision, Store
from tandem.threads import in_thread
from tandem.vocabulary import document_id


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a document before its source is asked for it."""

    document_id: str
    source: Source
    reading: str
    """Of the settings at that moment: what they become meanwhile, the next run notices."""
    known: Revision | None


class Asking:
    """The questions of one process. The methods that are not asynchronous block."""

    def __init__(self, store: Store, ingestor: Ingestor) -> None:
        self._store = store
        self._ingestor = ingestor

    def fetch(
        self, job: Job, entry: JobDocument, source: Source, reach: Reach
    ) -> tuple[Asked, Upload | None]:
        """The document, or `None` where it is as it was. Raises as `fetch_changed` does."""
        known = document_id(job.tenant, job.corpus, entry.uri)
        reading = self._ingestor.reading_of(job.tenant, job.corpus, source.marks())
        asked = Asked(known, source, reading, self._store.revision_of(known, reading))
        revision = None if asked.known is None else asked.known.revision
        return asked, fetch_changed(source, item_of(entry), reach, revision)

    async def unchanged(self, job: Job, asked: Asked | None) -> DocumentReport:
        """The report on a document of which its source says that it did not change."""
        if asked is None or asked.known is None:
            raise InvalidRequestError("The source says that nothing has changed, though nobody asked")
        return await self._ingestor.confirm(
            owner_of(job),
            job.corpus,
            asked.document_id,
            asked.known.version,
            asked.source.marks().expires_at,
            None if asked.source.groups is None else checked_groups(asked.source.groups),
        )

    async def note(self, asked: Asked, upload: Upload, report: DocumentReport) -> None:
        """Keep the revision of a document that was just taken in.

        Not of one with attachments: whether those went in, only reading it again can tell.
        """
        if upload.revision is None or report.attachments:
            return
        read = Revision(report.version, upload.revision)
        if read != asked.known:
            await in_thread(self._store.set_revision, asked.document_id, read, asked.reading)
