"""One engine, and the two kinds of transaction on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, bindparam, text

from tandem.store.columns import AnyText
from tandem.store.faults import faults_explained

WRITES = "tandem_writes"
"""Execution option by which the engine knows that a transaction is going to write."""

READ_S = "tandem_read_s"
"""Execution option: how long an answer may wait for a read of a database server, in seconds."""
_PATIENCE_MS = 250
"""So long the log waits for its readers before it is left to the next time."""

_NAME = bindparam("name", type_=AnyText())
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))").bindparams(_NAME)
_SHARE = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))").bindparams(_NAME)


def lock(connection: Connection, name: str, *, shared: bool = False) -> None:
    """Wait for whoever has locked `name`, and hold it until the transaction ends.

    Many may share a lock; who wants it alone waits for all of them.
    What is read after it is what the one before left. SQLite needs none of this: it has one writer at a
    time. PostgreSQL's row locks are not enough: they do not cover rows that another is just adding.
    A transaction that locks several names takes them in sorted order, or two could wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_SHARE if shared else _LOCK, {"name": name})


class Transactions:
    """Reads and writes on one engine; any thread may call. All methods raise as `faults_explained` says."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with faults_explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with faults_explained(), self._engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    @property
    def patience_s(self) -> float | None:
        """Seconds for which an answer may wait for a read; `None` where the database ends a wait by itself."""
        if self._engine.dialect.name == "sqlite":
            return None
        seconds: float | None = self._engine.get_execution_options().get(READ_S)
        return seconds

    def check(self) -> None:
        """Return if the database answers."""
        with self._reading() as connection:
            connection.execute(text("SELECT 1"))

    def empty_log(self) -> None:
        """Overwrite what SQLite's log still holds of earlier states, if no reader needs it now; else the next
        call does. PostgreSQL has an administrator for that.
        """
        if self._engine.dialect.name == "sqlite":
            with faults_explained(), self._engine.connect() as connection:
                cursor = connection.connection.cursor()
                before = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
                try:
                    cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {before}")
                    cursor.close()

    def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        self._engine.dispose()
