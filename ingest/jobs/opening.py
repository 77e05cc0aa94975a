"""What of a job's entries is no document by itself: archives, and tables of records."""

from ingest.accept import Upload
from ingest.archives import Refusal, is_archive, leaves
from ingest.jobs.entries import HANDED_IN, entry_of_upload
from ingest.manifest import Manifest
from ingest.records import records
from ingest.sources import Source
from tandem.errors import InvalidRequestError, TandemError
from tandem.settings import IngestSettings
from tandem.store import JobDocument, NewJobDocument, Outcome


def source_of(entry: JobDocument, manifest: Manifest | None) -> Source:
    """The source that has listed an entry. Raises `InvalidRequestError` if there is none."""
    if manifest is None or entry.source == HANDED_IN:
        raise InvalidRequestError(f"{entry.name} has no source")
    return manifest.sources[entry.source]


def opened(
    upload: Upload, entry: JobDocument, manifest: Manifest | None, settings: IngestSettings
) -> tuple[Outcome, list[NewJobDocument]] | None:
    """What becomes of a file that holds documents, and these; `None` for a document. Blocking.

    What an archive holds that is sound is taken, though a part of it be refused.
    """
    if is_archive(upload):
        return _unpacked(upload, entry, settings)
    mapping = manifest.sources[entry.source].records if manifest and entry.source != HANDED_IN else None
    if mapping is None:
        return None
    return Outcome("unpacked"), [entry_of_upload(one, entry.depth + 1) for one in records(upload, mapping)]


def failed(error: TandemError) -> Outcome:
    """The outcome of a document that this error has stopped."""
    return Outcome("failed", error=dict(error.body()["error"]))


def _unpacked(
    upload: Upload, entry: JobDocument, settings: IngestSettings
) -> tuple[Outcome, list[NewJobDocument]]:
    found: list[NewJobDocument] = []
    refused: list[TandemError] = []
    for leaf in leaves(upload, settings):
        if isinstance(leaf, Refusal):
            refused.append(leaf.error)
        else:
            found.append(entry_of_upload(leaf, entry.depth + 1))
    return (failed(refused[0]) if refused else Outcome("unpacked")), found
