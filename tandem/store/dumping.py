"""All rows of the store as plain data, of one moment, and back into an empty or another database."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator, TypeEngine

from tandem.errors import ConflictError
from tandem.store.columns import metadata
from tandem.store.faults import faults_explained
from tandem.store.job_schema import workers
from tandem.store.migrating import NEWEST, refuse_unknown, set_revision
from tandem.store.schema import ACTIVE
from tandem.store.transactions import WRITES, Transactions, lock
from tandem.store.workers import lease_begin

Row = dict[str, Any]
"""A row as JSON takes it: moments in ISO 8601 with their zone, bytes in base64."""

_LEFT_OUT = frozenset(
    {"workers", "removals", "reindexings", "indexed_versions", "cached_answers", "corpus_states"}
)
"""Who lives, what is just under way, and what can be made again."""
_PAGE = 200


class Dumping(Transactions):
    """Reads and replaces the whole store."""

    def dump(self) -> Iterator[tuple[str, list[Row]]]:
        """Pages of rows with their table's name, parents before children, all of one moment.

        Of collections only the one that answers. Writers go on meanwhile.
        """
        with faults_explained(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                for table in metadata.sorted_tables:
                    if table.name not in _LEFT_OUT:
                        yield from _pages(connection, table)

    def load(
        self,
        revision: str,
        pages: Iterable[tuple[str, list[Row]]],
        change: Callable[[str, Row], Row] = lambda table, row: row,
    ) -> None:
        """Replace all that is there by `pages`, which were dumped under the schema `revision`, in one step.

        `change` gets each row before it is written. Whatever fails, the store is as it was. Raises
        `ConflictError` while a server or a worker runs on it, and for a revision of a newer Tandem.
        """
        with faults_explained(), self._engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                lock(connection, "migrations")
                refuse_unknown(connection, revision)
                refuse_while_used(connection)
                set_revision(connection, "base")
                set_revision(connection, revision)
                tables = MetaData()
                tables.reflect(connection)
                for name, rows in pages:
                    if name not in tables.tables or name == "alembic_version":
                        raise ConflictError(
                            f"Schema {revision} has no table {name!r}", hint="It is no backup."
                        )
                    _insert(connection, tables.tables[name], [change(name, row) for row in rows])
                set_revision(connection, NEWEST)
        self.empty_log()


def _pages(connection: Connection, table: Table) -> Iterator[tuple[str, list[Row]]]:
    query = select(table)
    if table.name == "collections":
        query = query.where(table.c.state == ACTIVE)
    keys = list(table.primary_key.columns)
    rows = connection.execution_options(yield_per=_PAGE).execute(query.order_by(*keys))
    for page in rows.partitions():
        yield table.name, [_plain(table, row._mapping) for row in page]


def _plain(table: Table, row: Mapping[Any, Any]) -> Row:
    return {column.name: _said(row[column.name]) for column in table.columns}


def _said(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    naive = connection.dialect.name == "sqlite"  # it keeps no zone
    taken = [
        {name: _taken(table.columns[name], value, naive=naive) for name, value in row.items()} for row in rows
    ]
    if taken:
        connection.execute(insert(table), taken)


def _taken(column: Column[Any], value: Any, *, naive: bool) -> Any:
    kind: TypeEngine[Any] = column.type
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    if value is None:
        return None
    if isinstance(kind, DateTime):
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment.replace(tzinfo=None) if naive else moment
    return base64.b64decode(value) if isinstance(kind, LargeBinary) else value


def refuse_while_used(connection: Connection) -> None:
    """Raises `ConflictError` while a server or a worker runs on this store."""
    if not connection.dialect.has_table(connection, workers.name):
        return
    alive = select(workers.c.host, workers.c.pid).where(workers.c.seen_at > lease_begin()).limit(1)
    one = connection.execute(alive).one_or_none()
    if one is not None:
        raise ConflictError(
            f"A server or a worker runs on this store: process {one.pid} of {one.host}",
            hint="Stop all of them; one that was killed counts as gone after 30 seconds.",
        )
