"""The life of a document's versions: pending, current, superseded, forgotten.

A version is written beside the current one and takes its place in one transaction. Rows that are not
current name the chunks that must still leave the index, so a crash between two steps loses nothing.
"""

from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.store.documents import LISTED, record_of
from tandem.store.records import DocumentRecord, PendingVersion
from tandem.store.schema import CURRENT, PENDING, SUPERSEDED, versions
from tandem.store.transactions import Transactions, lock
from tandem.vocabulary import Caller, Document


class Versions(Transactions):
    """The writing side of documents."""

    def begin_version(self, document: Document, version: str, chunk_count: int) -> None:
        """Write a version that nobody sees yet.

        Repeating it is harmless, and a version that was superseded comes back as pending. Nothing
        happens if it is already the current one.
        """
        row = _row_of(document, version, chunk_count)
        with self._writing() as connection:
            state = _states(connection, document.id).get(version)
            if state == CURRENT:
                return
            if state is None:
                connection.execute(insert(versions).values(row))
            else:
                connection.execute(update(versions).where(_is(document.id, version)).values(row))

    def commit_version(self, document_id: str, version: str) -> str | None:
        """Make a pending version the current one; returns the version that it superseded.

        Raises `ConflictError` if the version is not pending, so a swept one is never shown.
        """
        with self._writing() as connection:
            states = _states(connection, document_id)
            state = states.get(version)
            if state == CURRENT:
                return None
            if state != PENDING:
                raise ConflictError(
                    "The document was removed while it was being ingested", hint="Ingest it again."
                )
            old = next((other for other, known in states.items() if known == CURRENT), None)
            if old is not None:
                connection.execute(update(versions).where(_is(document_id, old)).values(state=SUPERSEDED))
            connection.execute(update(versions).where(_is(document_id, version)).values(state=CURRENT))
            return old

    def delete_document(self, caller: Caller, corpus: str, document_id: str) -> DocumentRecord:
        """Take a document from every reader at once; its chunks are then among the `leftovers`.

        Raises `NotFoundError`.
        """
        with self._writing() as connection:
            lock(connection, document_id)
            query = (
                select(*LISTED)
                .where(
                    versions.c.document_id == document_id,
                    versions.c.tenant == caller.tenant,
                    versions.c.corpus == corpus,
                    versions.c.state == CURRENT,
                )
                .with_for_update()
            )
            row = connection.execute(query).one_or_none()
            if row is None:
                raise NotFoundError(
                    f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id"
                )
            connection.execute(update(versions).where(_is(document_id, row.version)).values(state=SUPERSEDED))
            return record_of(row)

    def leftovers(self, document_id: str | None = None) -> list[PendingVersion]:
        """Versions of all tenants (or of one document) whose chunks must still leave the index."""
        columns = versions.c["tenant", "corpus", "document_id", "version"]
        query = select(*columns).where(versions.c.state != CURRENT)
        if document_id is not None:
            query = query.where(versions.c.document_id == document_id)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(versions.c.document_id, versions.c.version))
            return [PendingVersion(*row) for row in rows]

    def forget_version(self, document_id: str, version: str) -> None:
        """Remove the row of a version whose chunks are gone; a current one stays."""
        with self._writing() as connection:
            lock(connection, document_id)
            connection.execute(delete(versions).where(_is(document_id, version), versions.c.state != CURRENT))


def _is(document_id: str, version: str) -> ColumnElement[bool]:
    return (versions.c.document_id == document_id) & (versions.c.version == version)


def _states(connection: Connection, document_id: str) -> dict[str, str]:
    """Version to state; nobody else changes the document until the transaction ends."""
    lock(connection, document_id)
    query = select(versions.c.version, versions.c.state).where(versions.c.document_id == document_id)
    return dict(connection.execute(query.with_for_update()).tuples().all())


def _row_of(document: Document, version: str, chunk_count: int) -> dict[str, object]:
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
        "chunks": chunk_count,
        "size_chars": len(document.text),
        "created_at": datetime.now(UTC),
        "pages": [asdict(page) for page in document.pages],
        "headings": [asdict(heading) for heading in document.headings],
        "text": document.text,
    }
