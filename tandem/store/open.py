"""Opens the store: finds the database, brings it to the newest schema."""

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from tandem.errors import SettingsError, StorageError
from tandem.settings import StoreSettings
from tandem.store.driver import IN_USE, READ_TIMEOUT_MS, set_patience
from tandem.store.faults import faults_explained
from tandem.store.migrating import migrate
from tandem.store.store import Store
from tandem.store.transactions import READ_S, WRITES

_FILE = "store.sqlite3"
_BUSY_TIMEOUT_MS = 10_000
_AGAIN_S = 0.02
_KEPT = 16
"""Connections to SQLite that stay open; to open one takes longer than a question's whole look at the store."""

_SERVER_DRIVERS = {"psycopg", "psycopg2"}
_SERVER_DEFAULTS = {
    # A host that swallows packets would be waited for without an end, at the start and in the middle.
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "tandem",
}
"""Parameters of libpq, for what the URL does not say; seconds, but the last timeout in milliseconds."""


def open_store(settings: StoreSettings, data_dir: Path) -> Store:
    """Open the database of `settings.url`, or the one in the data folder, and migrate it.

    Raises `SettingsError` for a URL that cannot be used, `StorageError` or `UnavailableError` if the
    database refuses, `ConflictError` if a newer Tandem has written it.
    """
    engine = database(settings.url, data_dir)
    try:
        with faults_explained(opening=True):
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    engine.update_execution_options(**{IN_USE: True, READ_S: settings.timeout_s})
    return Store(engine)


def database(url: str | None, data_dir: Path) -> Engine:
    """The database as it is. Raises `SettingsError` for a URL that cannot be used, and `StorageError`."""
    if url is None:
        _make_folder(data_dir)
    try:
        address = URL.create("sqlite", database=str(data_dir / _FILE)) if url is None else make_url(url)
        engine = _file_engine(address) if _is_sqlite(address) else _server_engine(address)
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError(
            f"store.url cannot be used: {error}",
            param="store.url",
            hint="Such as postgresql+psycopg://user:password@host/name",
        ) from error
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"store.url needs the package {error.name}",
            param="store.url",
            hint="pip install 'tandem-rag[postgres]'",
        ) from error
    if _is_sqlite(address):
        _tune_sqlite(engine)
    return engine


def _is_sqlite(address: URL) -> bool:
    return address.get_backend_name() == "sqlite"


def _file_engine(address: URL) -> Engine:
    """The connection that was used last is used next: the file's pages are in its cache."""
    if address.database in (None, "", ":memory:"):
        raise SettingsError(
            "store.url names no file: each thread would have a database of its own",
            param="store.url",
            hint="Leave it out for a file in the data folder, or name one: sqlite:////var/lib/tandem/store.sqlite3",
        )
    return create_engine(address, pool_size=_KEPT, pool_use_lifo=True)


def _server_engine(address: URL) -> Engine:
    """Connections are tried before use, so that a server's restart costs its users no error."""
    known = address.get_dialect().driver in _SERVER_DRIVERS
    missing = {name: value for name, value in _SERVER_DEFAULTS.items() if name not in address.query}
    return create_engine(
        address,
        pool_pre_ping=True,
        # `lock` counts on it: a stricter level would keep reading what was there before the lock.
        isolation_level="READ COMMITTED",
        connect_args=missing if known else {},
    )


def _make_folder(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The data folder {data_dir} cannot be made: {error.strerror}",
            hint="Check its path and rights, or set data_dir.",
        ) from error


def _use_log(cursor: sqlite3.Cursor) -> None:
    """Let the database write ahead. SQLite gives up at once where another process is just doing the same."""
    end = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _tune_sqlite(engine: Engine) -> None:
    """What is committed survives a power cut, readers do not wait for a writer, writers wait their turn."""

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, record: Any) -> None:
        # The driver's own BEGIN comes too late for DDL and for `IMMEDIATE`; `_begin` gives it instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        set_patience(record.info, cursor.execute, _BUSY_TIMEOUT_MS)
        _use_log(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # What is deleted is overwritten, not only unlinked.
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later could not wait for another writer: it would fail.
        options = connection.get_execution_options()
        writes = options.get(WRITES, False)
        patience = READ_TIMEOUT_MS if IN_USE in options and not writes else _BUSY_TIMEOUT_MS
        set_patience(connection.info, connection.exec_driver_sql, patience)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
