"""Which collection of the index answers, and the step from one to another."""

from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.errors import ConflictError, NotFoundError
from tandem.store.indexed import differs, held_by
from tandem.store.records import CollectionRecord
from tandem.store.reindexings import end_reindexing
from tandem.store.schema import ACTIVE, BUILDING, CURRENT, RETIRED, collections, indexed_versions, versions
from tandem.store.transactions import Transactions


class Collections(Transactions):
    """The collections that there are. One of them, at most, is active: it answers, and is written to."""

    def active_collection(self) -> CollectionRecord | None:
        """The one that answers; none in a store that has never been opened together with an index."""
        return next((one for one in self.collections() if one.state == ACTIVE), None)

    def collections(self) -> list[CollectionRecord]:
        """All of them; the one that answers first, then those that have answered, the latest first."""
        query = select(collections).order_by(collections.c.state, collections.c.switched_at.desc())
        with self._reading() as connection:
            return [CollectionRecord(**row._mapping) for row in connection.execute(query)]

    def found_collection(self, record: CollectionRecord) -> CollectionRecord:
        """Let a first collection answer; gives the one of another process that was faster."""
        with suppress(IntegrityError):
            self._add(record, ACTIVE)
        active = self.active_collection()
        if active is None:
            raise ConflictError(
                f"The collection {record.name!r} is known, and does not answer", param="index.collection"
            )
        return active

    def add_collection(self, record: CollectionRecord) -> None:
        """Note a collection that is being built; one that is known stays as it is."""
        if all(one.name != record.name for one in self.collections()):
            self._add(record, BUILDING)

    def switch_collection(self, name: str, reindexing_id: str | None = None) -> bool:
        """Let a collection answer that holds exactly what is current; false, with nothing done, if it does not.

        From this transaction on, nothing that was written to the one before becomes current.
        """
        now = datetime.now(UTC)
        with self._writing() as connection:
            active = select(collections.c.name).where(collections.c.state == ACTIVE)
            # Waits for versions that are just becoming current, and lets no further one.
            before = connection.execute(active.with_for_update()).scalar_one()
            if differs(connection, name):
                return False
            _count_chunks(connection, name)
            connection.execute(delete(indexed_versions).where(indexed_versions.c.collection == name))
            _note_what_it_holds(connection, before)
            for one, values in (
                (before, {"state": RETIRED}),
                (name, {"state": ACTIVE, "switched_at": now}),
            ):
                connection.execute(update(collections).where(collections.c.name == one).values(values))
            if reindexing_id is not None:
                end_reindexing(connection, reindexing_id)
            return True

    def clear_collection(self, name: str) -> None:
        """Note that a collection beside the active one holds nothing; before it is dropped."""
        with self._writing() as connection:
            connection.execute(held_by(delete(indexed_versions), name))

    def forget_collection(self, name: str) -> None:
        """Forget a collection that was dropped; the active one stays."""
        gone = (collections.c.name == name) & (collections.c.state != ACTIVE)
        with self._writing() as connection:
            connection.execute(delete(collections).where(gone))

    def _add(self, record: CollectionRecord, state: str) -> None:
        row = {field.name: getattr(record, field.name) for field in fields(record)} | {"state": state}
        with self._writing() as connection:
            connection.execute(insert(collections).values(row))


def require_active(connection: Connection, name: str | None) -> None:
    """Raises `ConflictError` unless the collection answers, and lets none other until the transaction ends.

    `None` asks for nothing.
    """
    if not is_active(connection, name):
        raise ConflictError(
            "Another collection answers now", hint="Try again: this process follows in a few seconds."
        )


def is_active(connection: Connection, name: str | None) -> bool:
    """As `require_active`, but tells it."""
    if name is None:
        return True
    query = select(collections.c.state).where(collections.c.name == name).with_for_update(read=True)
    return connection.execute(query).scalar() == ACTIVE


def _count_chunks(connection: Connection, name: str) -> None:
    """Other tokens, other chunks: documents show how many the collection has that answers."""
    there = indexed_versions
    mine = (
        (there.c.collection == name)
        & (there.c.document_id == versions.c.document_id)
        & (there.c.version == versions.c.version)
    )
    counted = select(there.c.chunks).where(mine).scalar_subquery()
    indexed = (versions.c.state == CURRENT) & versions.c.duplicate_of.is_(None)
    connection.execute(update(versions).where(indexed).values(chunks=counted))


def _note_what_it_holds(connection: Connection, name: str) -> None:
    """Of every version whose chunks may be in the collection that has answered until now."""
    columns = ("collection", "document_id", "version", "tenant", "whole", "chunks", "expires_at")
    held = select(
        select(collections.c.name).where(collections.c.name == name).scalar_subquery(),
        versions.c.document_id,
        versions.c.version,
        versions.c.tenant,
        versions.c.state == CURRENT,
        versions.c.chunks,
        versions.c.expires_at,
    ).where(versions.c.duplicate_of.is_(None))
    connection.execute(insert(indexed_versions).from_select(columns, held))


def require_former(known: list[CollectionRecord]) -> CollectionRecord:
    """The collection that answered before. Raises `NotFoundError`."""
    for one in known:
        if one.state == RETIRED:
            return one
    raise NotFoundError("There is no collection to go back to", hint="tandem status lists those there are.")
