"""Documents on their way into a job's list and out of it."""

from datetime import datetime
from typing import Any

from ingest.accept import Upload
from ingest.sources import Item
from tandem.store import Job, JobDocument, NewJobDocument
from tandem.vocabulary import Caller, Marks

HANDED_IN = -1
"""The source of a file that came with the job, or out of another file."""


def entry_of_item(item: Item, source: int) -> NewJobDocument:
    """What a source lists."""
    return NewJobDocument(item.uri, item.name, source, item.locator, item.revision)


def entry_of_upload(upload: Upload, depth: int = 0) -> NewJobDocument:
    """A file that the job is to hold until its turn."""
    marks = upload.marks
    locator: dict[str, Any] = {
        "title": upload.title,
        "tags": list(marks.tags),
        "metadata": dict(marks.metadata),
    }
    if marks.expires_at is not None:
        locator["expires_at"] = marks.expires_at.isoformat()
    if upload.groups is not None:
        locator["groups"] = list(upload.groups)
    return NewJobDocument(upload.uri, upload.name, HANDED_IN, locator, content=upload.content, depth=depth)


def item_of(entry: JobDocument) -> Item:
    """What the source had listed."""
    return Item(entry.uri, entry.name, dict(entry.locator), entry.revision)


def upload_of(entry: JobDocument, content: bytes) -> Upload:
    """The file that the job held."""
    locator = entry.locator
    until = locator.get("expires_at")
    marks = Marks(
        tuple(locator["tags"]), locator["metadata"], datetime.fromisoformat(until) if until else None
    )
    groups = locator.get("groups")
    return Upload(
        entry.uri,
        entry.name,
        content,
        locator["title"],
        marks,
        groups=None if groups is None else tuple(groups),
    )


def owner_of(job: Job) -> Caller:
    """In whose name a job is done: with the access groups of whoever asked for it."""
    return Caller(job.tenant, groups=job.groups)
