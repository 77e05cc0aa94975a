"""What of a job's entries is no document by itself: archives, and tables of records."""

from ingest.accept import Upload
from ingest.archives import Refusal
from ingest.expanding import documents
from ingest.jobs.entries import HANDED_IN, entry_of_upload
from ingest.manifest import Manifest
from ingest.sources import Source
from tandem.errors import InvalidRequestError, TandemError
from tandem.settings import IngestSettings
from tandem.store import JobDocument, NewJobDocument, Outcome


def check_depth(entry: JobDocument, settings: IngestSettings) -> None:
    """Raise `InvalidRequestError` for what lies in too many archives or e-mails."""
    if entry.depth > settings.max_nesting:
        raise InvalidRequestError(
            f"{entry.name} lies deeper than {settings.max_nesting} archives or e-mails",
            param="file",
            hint="Unpack the outer ones, or raise ingest.max_nesting.",
        )


def source_of(entry: JobDocument, manifest: Manifest | None) -> Source:
    """The source that has listed an entry. Raises `InvalidRequestError` if there is none."""
    if manifest is None or entry.source == HANDED_IN:
        raise InvalidRequestError(f"{entry.name} has no source")
    return manifest.sources[entry.source]


def opened(
    upload: Upload, entry: JobDocument, manifest: Manifest | None, settings: IngestSettings
) -> tuple[Outcome, list[NewJobDocument]] | None:
    """What becomes of a file that holds documents, and these; `None` for a document. Blocking.

    What is sound in it is taken, though a part of it be refused.
    """
    mapping = manifest.sources[entry.source].records if manifest and entry.source != HANDED_IN else None
    found = list(documents(upload, mapping, settings))
    if found == [upload]:
        return None
    within = [entry_of_upload(one, entry.depth + 1) for one in found if isinstance(one, Upload)]
    refused = [one.error for one in found if isinstance(one, Refusal)]
    return (failed(refused[0]) if refused else Outcome("unpacked")), within


def failed(error: TandemError) -> Outcome:
    """The outcome of a document that this error has stopped."""
    return Outcome("failed", error=dict(error.body()["error"]))
