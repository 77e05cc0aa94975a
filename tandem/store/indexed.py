"""What a collection beside the active one holds, and how that differs from what is current."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.sql.dml import DMLWhereBase

from tandem.store.access_rows import groups_of
from tandem.store.documents import LISTED, records_of
from tandem.store.records import DocumentRecord, PendingVersion
from tandem.store.reindexings import advance
from tandem.store.schema import CURRENT, indexed_versions, versions
from tandem.store.transactions import Transactions, lock

D = TypeVar("D", bound=DMLWhereBase)

_WANTED = (versions.c.state == CURRENT) & versions.c.duplicate_of.is_(None)
_SAME = (indexed_versions.c.document_id == versions.c.document_id) & (
    indexed_versions.c.version == versions.c.version
)


class Indexed(Transactions):
    """The rows of collections that do not answer, of all tenants."""

    def unindexed(self, name: str, after: str, limit: int) -> list[DocumentRecord]:
        """Whole documents, by id from behind `after`, that the collection lacks."""
        query = select(versions).where(_missing(name), versions.c.document_id > after)
        with self._reading() as connection:
            return records_of(connection, query.order_by(versions.c.document_id).limit(limit))

    def unwanted(self, name: str, *, vanished: bool = False) -> list[PendingVersion]:
        """Versions that the collection holds, and should not: they are not current.

        With `vanished`, only those of documents that are gone.
        """
        columns = (indexed_versions.c.tenant, indexed_versions.c.document_id, indexed_versions.c.version)
        gone = _vanished(name) if vanished else _unwanted(name)
        with self._reading() as connection:
            found = connection.execute(select(*columns).where(gone)).all()
            return [PendingVersion(tenant, "", known, version, "") for tenant, known, version in found]

    def moved_expiries(self, name: str) -> list[DocumentRecord]:
        """Documents, without their texts, that expire at another moment than the collection says."""
        with self._reading() as connection:
            return records_of(connection, select(*LISTED).where(_moved(name)))

    def begin_indexing(self, name: str, records: Sequence[DocumentRecord]) -> None:
        """Note that chunks of these will come; harmless if it is known."""
        rows = [
            {
                "collection": name,
                "document_id": record.id,
                "version": record.version,
                "tenant": record.tenant,
                "whole": False,
                "chunks": 0,
                "expires_at": record.marks.expires_at,
            }
            for record in records
        ]
        with self._writing() as connection:
            for row in rows:
                connection.execute(
                    held_by(delete(indexed_versions), name, row["document_id"], row["version"])
                )
            connection.execute(insert(indexed_versions), rows)

    def end_indexing(
        self,
        name: str,
        reindexing_id: str,
        worker: str,
        chunks: Mapping[tuple[str, str], int],
        groups: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Note that all chunks of these versions are there: (document, version) to how many.

        `groups` are those with which the chunks of each document were written; one that has others by now is
        still lacking. Raises `ConflictError` if another worker has taken the re-embedding over.
        """
        with self._writing() as connection:
            advance(connection, reindexing_id, worker, len(chunks), sum(chunks.values()))
            for document_id in sorted({known for known, _ in chunks}):
                lock(connection, document_id)
            now = groups_of(connection, {known for known, _ in chunks})
            for (document_id, version), count in chunks.items():
                if now.get(document_id, ()) != (groups or {}).get(document_id, ()):
                    continue
                whole = held_by(update(indexed_versions), name, document_id, version)
                connection.execute(whole.values(whole=True, chunks=count))

    def set_indexed_expiry(self, name: str, record: DocumentRecord) -> None:
        """Note when the collection lets a version expire."""
        with self._writing() as connection:
            changed = held_by(update(indexed_versions), name, record.id, record.version)
            connection.execute(changed.values(expires_at=record.marks.expires_at))

    def forget_indexed(self, name: str, document_id: str, version: str) -> None:
        """Note that no chunk of a version is there any more."""
        with self._writing() as connection:
            connection.execute(held_by(delete(indexed_versions), name, document_id, version))

    def lacking(self, name: str) -> int:
        """How many documents the collection lacks."""
        with self._reading() as connection:
            return connection.execute(
                select(func.count()).select_from(versions).where(_missing(name))
            ).scalar_one()


def differs(connection: Connection, name: str) -> bool:
    """Whether the collection holds anything else than what is current."""
    query = select(
        or_(
            exists(select(versions.c.version).where(_missing(name))),
            exists(select(indexed_versions.c.version).where(_unwanted(name))),
            exists(select(versions.c.version).where(_moved(name))),
        )
    )
    return bool(connection.execute(query).scalar_one())


def held_by(statement: D, name: str, document_id: Any = None, version: Any = None) -> D:
    """The statement, of all that a collection holds, or of one version in it."""
    statement = statement.where(indexed_versions.c.collection == name)
    if document_id is None:
        return statement
    return statement.where(
        indexed_versions.c.document_id == document_id, indexed_versions.c.version == version
    )


def _missing(name: str) -> ColumnElement[bool]:
    here = exists().where(indexed_versions.c.collection == name, _SAME, indexed_versions.c.whole)
    return and_(_WANTED, ~here)


def _unwanted(name: str) -> ColumnElement[bool]:
    return and_(indexed_versions.c.collection == name, ~exists().where(_SAME, _WANTED))


def _vanished(name: str) -> ColumnElement[bool]:
    current = exists().where(
        versions.c.document_id == indexed_versions.c.document_id, versions.c.state == CURRENT
    )
    return and_(indexed_versions.c.collection == name, ~current)


def _moved(name: str) -> ColumnElement[bool]:
    other = indexed_versions.c.expires_at.is_distinct_from(versions.c.expires_at)
    return and_(
        _WANTED,
        exists().where(indexed_versions.c.collection == name, _SAME, indexed_versions.c.whole, other),
    )
