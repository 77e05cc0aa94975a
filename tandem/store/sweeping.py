"""Versions whose chunks must leave the index, and who removes them.

A worker claims a version before it removes its chunks. Without that, a document that returns to an earlier
version while another worker sweeps that version would lose chunks: those that were just written again.
"""

from dataclasses import replace

from sqlalchemy import delete, insert, select, update

from tandem.store.access_rows import forget_groups
from tandem.store.access_schema import document_groups
from tandem.store.collections import is_active
from tandem.store.records import PendingVersion
from tandem.store.schema import PENDING, SUPERSEDED, versions
from tandem.store.transactions import Transactions, lock
from tandem.store.version_rows import free_for, is_version, row_of, states_of
from tandem.vocabulary import Document

_LEFT = versions.c["tenant", "corpus", "document_id", "version", "uri"]
_UNSEEN = versions.c.state.in_((PENDING, SUPERSEDED))


class Sweeping(Transactions):
    """The end of versions. A claim is a worker's as long as it lives; then it is anybody's."""

    def leftovers(self, document_id: str | None = None, writer: str | None = None) -> list[PendingVersion]:
        """Versions of all tenants (or of one document) whose chunks must still leave the index.

        What another worker than `writer` writes, or is removing, and lives, is not among them.
        """
        query = select(*_LEFT).where(_UNSEEN, free_for(writer))
        if document_id is not None:
            query = query.where(versions.c.document_id == document_id)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(versions.c.document_id, versions.c.version))
            return [PendingVersion(*row) for row in rows]

    def claim_leftovers(self, document_id: str, worker: str | None) -> list[PendingVersion]:
        """The leftovers of a document, for `worker` alone to remove: until it has forgotten them, no other
        begins or shows them again.
        """
        left = (versions.c.document_id == document_id) & _UNSEEN & free_for(worker)
        with self._writing() as connection:
            lock(connection, document_id)
            rows = connection.execute(select(*_LEFT).where(left).order_by(versions.c.version)).all()
            if rows:
                claimed = {"state": SUPERSEDED, "writer": worker}
                connection.execute(update(versions).where(left).values(claimed))
            return [PendingVersion(*row) for row in rows]

    def condemn_version(self, document: Document, version: str, worker: str | None) -> None:
        """Note a version as a leftover that was forgotten while it was still being written.

        One that is known stays as it is. Of the document nothing but its address is kept.
        """
        bare = replace(document, title="", text="", pages=(), headings=(), blocks=())
        row = row_of(bare, version) | {"state": SUPERSEDED, "writer": worker, "text_hash": ""}
        with self._writing() as connection:
            if version not in states_of(connection, document.id):
                connection.execute(insert(versions).values(row))

    def forget_version(
        self, document_id: str, version: str, collection: str | None = None, writer: str | None = None
    ) -> None:
        """Remove the row of a version whose chunks have left `collection`; a current one stays.

        So does one that another living worker than `writer` has, and every one if another collection
        answers now: a sweep of that one does it.
        """
        gone = is_version(document_id, version) & _UNSEEN & free_for(writer)
        with self._writing() as connection:
            if not is_active(connection, collection):
                return
            lock(connection, document_id)
            connection.execute(delete(versions).where(gone))
            forget_groups(connection, document_groups.c.document_id == document_id)
