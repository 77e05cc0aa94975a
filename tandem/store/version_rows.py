"""Rows of the table of versions: which is meant, what a document becomes, and who may touch it."""

from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, select

from tandem.store.job_schema import workers
from tandem.store.schema import PENDING, versions
from tandem.store.transactions import lock
from tandem.store.workers import lease_begin
from tandem.vocabulary import Document


def is_version(
    document_id: str | ColumnElement[str], version: str | ColumnElement[str]
) -> ColumnElement[bool]:
    """The row of a version."""
    return (versions.c.document_id == document_id) & (versions.c.version == version)


def states_of(connection: Connection, document_id: str) -> dict[str, str]:
    """Version to state; nobody else changes the document until the transaction ends."""
    lock(connection, document_id)
    query = select(versions.c.version, versions.c.state).where(versions.c.document_id == document_id)
    return dict(connection.execute(query.with_for_update()).tuples().all())


def free_for(worker: str | None) -> ColumnElement[bool]:
    """Whether no other worker that lives writes the version, or removes its chunks."""
    others = select(workers.c.id).where(workers.c.seen_at > lease_begin(), workers.c.id != worker)
    return versions.c.writer.is_(None) | versions.c.writer.not_in(others)


def row_of(document: Document, version: str) -> dict[str, object]:
    """A document as a version that is not seen yet."""
    return {
        "document_id": document.id,
        "version": version,
        "state": PENDING,
        "tenant": document.tenant,
        "corpus": document.corpus,
        "uri": document.uri,
        "title": document.title,
        "media_type": document.media_type,
        "content_hash": document.content_hash,
        "chunks": 0,
        "size_chars": len(document.text),
        "created_at": datetime.now(UTC),
        "pages": [asdict(page) for page in document.pages],
        "headings": [asdict(heading) for heading in document.headings],
        "blocks": [asdict(block) for block in document.blocks],
        "tags": list(document.marks.tags),
        "metadata": dict(document.marks.metadata),
        "expires_at": document.marks.expires_at,
        "groups": None if document.groups is None else list(document.groups),
        "text": document.text,
    }
