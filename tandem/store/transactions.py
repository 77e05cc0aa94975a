"""One engine, and the two kinds of transaction on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from tandem.store.faults import faults_explained

WRITES = "tandem_writes"
"""Execution option by which the engine knows that a transaction is going to write."""


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

    def check(self) -> None:
        """Return if the database answers."""
        with self._reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Let go of all connections; safe to call twice."""
        self._engine.dispose()
