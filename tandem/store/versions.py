"""The life of a document's versions: pending, current, superseded, forgotten.

A version is written beside the current one and takes its place in one transaction. Rows that are not
current name the chunks that must still leave the index, so a crash between two steps loses nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.store.access_rows import groups_of, may_see, write_groups
from tandem.store.audit import append_audit
from tandem.store.cached_answers import note_change
from tandem.store.collections import require_active
from tandem.store.documents import LISTED, record_of
from tandem.store.holds import require_unheld
from tandem.store.job_records import Claim
from tandem.store.job_rows import held
from tandem.store.records import DocumentRecord, Original
from tandem.store.schema import CURRENT, PENDING, SUPERSEDED, versions
from tandem.store.schema import bands as band_table
from tandem.store.transactions import Transactions, lock
from tandem.store.version_rows import free_for, is_version, row_of, states_of
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
        one that went with its corpus, if another collection than `collection` answers now, and while
        another worker removes chunks of this very version, or of the corpus as a whole.
        """
        row = row_of(document, version) | {
            "writer": writer,
            "text_hash": text_hash,
            "duplicate_of": original.document_id if original else None,
            "original_version": original.version if original else None,
        }
        with self._writing() as connection:
            require_unheld(connection, document.tenant, document.corpus)
            if claim is not None:
                held(connection, claim)
            require_active(connection, collection)
            state = states_of(connection, document.id).get(version)
            if state == CURRENT:
                return
            if state == SUPERSEDED:
                _require_unclaimed(connection, document.id, version, writer)
            if state is None:
                connection.execute(insert(versions).values(row))
            else:
                connection.execute(update(versions).where(is_version(document.id, version)).values(row))
                connection.execute(delete(band_table).where(_banded(document.id, version)))
            if bands:
                connection.execute(insert(band_table), _band_rows(document.id, version, bands))

    def commit_version(
        self, document_id: str, version: str, chunk_count: int = 0, collection: str | None = None
    ) -> str | None:
        """Make a pending version the current one, with the access groups that it states; returns the version
        that it superseded.

        Raises `ConflictError` if the version is not pending, so a swept one is never shown, if it is a link
        to a document that is no longer searched, and if another collection than that of its chunks answers.
        """
        with self._writing() as connection:
            require_active(connection, collection)
            states = states_of(connection, document_id)
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
                connection.execute(
                    update(versions).where(is_version(document_id, old)).values(state=SUPERSEDED)
                )
            shown = {"state": CURRENT, "chunks": chunk_count, "writer": None}
            connection.execute(update(versions).where(is_version(document_id, version)).values(shown))
            _take_groups(connection, document_id, version, replaces=old is not None)
            _note_change(connection, document_id, version)
            return old

    def set_expiry(self, document_id: str, version: str, expires_at: datetime | None) -> None:
        """Let a version expire at another moment, or never."""
        with self._writing() as connection:
            connection.execute(
                update(versions).where(is_version(document_id, version)).values(expires_at=expires_at)
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
                    may_see(caller.groups),
                )
                .with_for_update()
            )
            row = connection.execute(query).one_or_none()
            if row is None:
                raise NotFoundError(
                    f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id"
                )
            connection.execute(
                update(versions).where(is_version(document_id, row.version)).values(state=SUPERSEDED)
            )
            note_change(connection, caller.tenant, corpus)
            return record_of(row, groups_of(connection, [document_id]).get(document_id, ()))


def _require_unclaimed(connection: Connection, document_id: str, version: str, writer: str | None) -> None:
    mine = select(versions.c.version).where(is_version(document_id, version), free_for(writer))
    if connection.execute(mine).first() is None:
        raise ConflictError(
            "Another server is just removing an earlier copy of this version", hint="Try again in a moment."
        )


def _take_groups(connection: Connection, document_id: str, version: str, *, replaces: bool) -> None:
    """Give the document the groups that its version states, in the step in which that is shown."""
    columns = versions.c["groups", "tenant", "corpus"]
    row = connection.execute(select(*columns).where(is_version(document_id, version))).one()
    if row.groups is None:
        return
    before = write_groups(connection, document_id, row.tenant, row.corpus, row.groups)
    if replaces and before != tuple(sorted(row.groups)):
        append_audit(
            connection,
            tenant=row.tenant,
            subject="tandem",
            action="document.shared",
            object=document_id,
            details={"corpus": row.corpus, "groups": sorted(row.groups), "before": list(before)},
        )


def _note_change(connection: Connection, document_id: str, version: str) -> None:
    whose = select(versions.c.tenant, versions.c.corpus).where(is_version(document_id, version))
    for tenant, corpus in connection.execute(whose).all():
        note_change(connection, tenant, corpus)


def _require_original(connection: Connection, document_id: str, version: str) -> None:
    link = select(versions.c.duplicate_of, versions.c.original_version).where(
        is_version(document_id, version)
    )
    original = connection.execute(link).one()
    if original.duplicate_of is None:
        return
    searched = select(versions.c.document_id).where(
        is_version(original.duplicate_of, original.original_version), versions.c.state.in_((CURRENT, PENDING))
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
