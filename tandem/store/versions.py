"""The life of a document's versions: pending, current, superseded, forgotten.

A version is written beside the current one and takes its place in one transaction. Rows that are not
current name the chunks that must still leave the index, so a crash between two steps loses nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.store.cached_answers import note_change
from tandem.store.collections import is_active, require_active
from tandem.store.documents import LISTED, record_of
from tandem.store.job_records import Claim
from tandem.store.job_rows import held
from tandem.store.job_schema import workers
from tandem.store.records import DocumentRecord, Original, PendingVersion
from tandem.store.schema import CURRENT, PENDING, SUPERSEDED, versions
from tandem.store.schema import bands as band_table
from tandem.store.transactions import Transactions, lock
from tandem.store.workers import lease_begin
from tandem.vocabulary import Caller, Document


class Versions(Transactions):
    """The writing side of documents."""

    def begin_version(
        self,
        document: Document,
        version: str,
        *,
        writer: str | None = None,
        text_hash: str = "",
        original: Original | None = None,
        bands: Sequence[str] = (),
        claim: Claim | None = None,
        collection: str | None = None,
    ) -> None:
        """Write a version that nobody sees yet, and whose chunks go to `collection`.

        `writer` is the worker whose version it is, `original` the version that is searched in its
        place, `text_hash` and `bands` that by which its duplicates are found. Repeating it is harmless,
        and a version that was superseded comes back as pending. Nothing happens if it is already the
        current one. Raises `ConflictError` if it is written for a job whose `claim` is lost, such as
        one that went with its corpus, and if another collection than `collection` answers now.
        """
        row = _row_of(document, version) | {
            "writer": writer,
            "text_hash": text_hash,
            "duplicate_of": original.document_id if original else None,
            "original_version": original.version if original else None,
        }
        with self._writing() as connection:
            if claim is not None:
                held(connection, claim)
            require_active(connection, collection)
            state = _states(connection, document.id).get(version)
            if state == CURRENT:
                return
            if state is None:
                connection.execute(insert(versions).values(row))
            else:
                connection.execute(update(versions).where(_is(document.id, version)).values(row))
                connection.execute(delete(band_table).where(_banded(document.id, version)))
            if bands:
                connection.execute(insert(band_table), _band_rows(document.id, version, bands))

    def commit_version(
        self, document_id: str, version: str, chunk_count: int = 0, collection: str | None = None
    ) -> str | None:
        """Make a pending version the current one; returns the version that it superseded.

        Raises `ConflictError` if the version is not pending, so a swept one is never shown, if it is a link
        to a document that is no longer searched, and if another collection than that of its chunks answers.
        """
        with self._writing() as connection:
            require_active(connection, collection)
            states = _states(connection, document_id)
            state = states.get(version)
            if state == CURRENT:
                return None
            if state != PENDING:
                raise ConflictError(
                    "The document was removed while it was being ingested", hint="Ingest it again."
                )
            _require_original(connection, document_id, version)
            old = next((other for other, known in states.items() if known == CURRENT), None)
            if old is not None:
                connection.execute(update(versions).where(_is(document_id, old)).values(state=SUPERSEDED))
            shown = {"state": CURRENT, "chunks": chunk_count, "writer": None}
            connection.execute(update(versions).where(_is(document_id, version)).values(shown))
            _note_change(connection, document_id, version)
            return old

    def set_expiry(self, document_id: str, version: str, expires_at: datetime | None) -> None:
        """Let a version expire at another moment, or never."""
        with self._writing() as connection:
            connection.execute(
                update(versions).where(_is(document_id, version)).values(expires_at=expires_at)
            )
            _note_change(connection, document_id, version)

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
            note_change(connection, caller.tenant, corpus)
            return record_of(row)

    def leftovers(self, document_id: str | None = None, writer: str | None = None) -> list[PendingVersion]:
        """Versions of all tenants (or of one document) whose chunks must still leave the index.

        What another worker than `writer` is writing, and lives, is not among them.
        """
        columns = versions.c["tenant", "corpus", "document_id", "version", "uri"]
        others = select(workers.c.id).where(workers.c.seen_at > lease_begin(), workers.c.id != writer)
        query = select(*columns).where(
            (versions.c.state == SUPERSEDED)
            | (
                (versions.c.state == PENDING)
                & (versions.c.writer.is_(None) | versions.c.writer.not_in(others))
            )
        )
        if document_id is not None:
            query = query.where(versions.c.document_id == document_id)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(versions.c.document_id, versions.c.version))
            return [PendingVersion(*row) for row in rows]

    def knows_version(self, document_id: str, version: str) -> bool:
        """Whether there is a row of it, in whatever state."""
        query = select(versions.c.state).where(_is(document_id, version))
        with self._reading() as connection:
            return connection.execute(query).first() is not None

    def forget_version(self, document_id: str, version: str, collection: str | None = None) -> None:
        """Remove the row of a version whose chunks have left `collection`; a current one stays.

        So does every one if another collection answers now: a sweep of that one does it.
        """
        with self._writing() as connection:
            if not is_active(connection, collection):
                return
            lock(connection, document_id)
            connection.execute(delete(versions).where(_is(document_id, version), versions.c.state != CURRENT))


def _is(document_id: str, version: str) -> ColumnElement[bool]:
    return (versions.c.document_id == document_id) & (versions.c.version == version)


def _states(connection: Connection, document_id: str) -> dict[str, str]:
    """Version to state; nobody else changes the document until the transaction ends."""
    lock(connection, document_id)
    query = select(versions.c.version, versions.c.state).where(versions.c.document_id == document_id)
    return dict(connection.execute(query.with_for_update()).tuples().all())


def _note_change(connection: Connection, document_id: str, version: str) -> None:
    whose = select(versions.c.tenant, versions.c.corpus).where(_is(document_id, version))
    for tenant, corpus in connection.execute(whose).all():
        note_change(connection, tenant, corpus)


def _require_original(connection: Connection, document_id: str, version: str) -> None:
    link = select(versions.c.duplicate_of, versions.c.original_version).where(_is(document_id, version))
    original = connection.execute(link).one()
    if original.duplicate_of is None:
        return
    searched = select(versions.c.document_id).where(
        _is(original.duplicate_of, original.original_version), versions.c.state.in_((CURRENT, PENDING))
    )
    if connection.execute(searched).first() is None:
        raise ConflictError("The document that says the same was just removed", hint="Ingest it again.")


def _banded(document_id: str, version: str) -> ColumnElement[bool]:
    return (band_table.c.document_id == document_id) & (band_table.c.version == version)


def _band_rows(document_id: str, version: str, bands: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"document_id": document_id, "version": version, "band": number, "value": value}
        for number, value in enumerate(bands)
    ]


def _row_of(document: Document, version: str) -> dict[str, object]:
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
        "text": document.text,
    }
