"""By what a source is asked whether a document has changed."""

from sqlalchemy import delete, insert, select

from tandem.store.records import Revision
from tandem.store.schema import CURRENT, revisions, versions
from tandem.store.transactions import Transactions
from tandem.store.version_rows import is_version, states_of


class Revisions(Transactions):
    """Revisions of versions. They go with their version."""

    def revision_of(self, document_id: str, reading: str) -> Revision | None:
        """Of a document's current version, if it was read under the settings `reading`."""
        query = (
            select(revisions.c.version, revisions.c.revision)
            .join(versions, is_version(revisions.c.document_id, revisions.c.version))
            .where(
                revisions.c.document_id == document_id,
                revisions.c.reading == reading,
                versions.c.state == CURRENT,
            )
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Revision(*row)

    def set_revision(self, document_id: str, read: Revision, reading: str) -> None:
        """Note from which revision a version was read; nothing happens if it is no longer the current one."""
        row = {
            "document_id": document_id,
            "version": read.version,
            "revision": read.revision,
            "reading": reading,
        }
        here = (revisions.c.document_id == document_id) & (revisions.c.version == read.version)
        with self._writing() as connection:
            if states_of(connection, document_id).get(read.version) == CURRENT:
                connection.execute(delete(revisions).where(here))
                connection.execute(insert(revisions).values(row))
