"""A database's faults, said so that a user knows what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from tandem.errors import StorageError, TandemError, UnavailableError

_SQLITE = {
    sqlite3.SQLITE_FULL: ("The disk is full", "Free some space; nothing was half written."),
    sqlite3.SQLITE_READONLY: (
        "The store cannot be written",
        "Check the owner and rights of the data folder.",
    ),
    sqlite3.SQLITE_PERM: ("The store cannot be written", "Check the owner and rights of the data folder."),
    sqlite3.SQLITE_CANTOPEN: ("The store cannot be opened", "Check the owner and rights of the data folder."),
    sqlite3.SQLITE_CORRUPT: (
        "The store is broken",
        "Restore it from a backup, or move it away and ingest again.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "The store's file is not a database",
        "Restore it from a backup, or move it away and ingest again.",
    ),
    sqlite3.SQLITE_IOERR: ("The disk refuses to read or write", "Check the disk and its free space."),
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_PRIMARY_CODE = 0xFF
"""SQLite's extended codes keep the primary one in their low byte."""

_POSTGRES_DISK_FULL = "53100"
_POSTGRES_READ_ONLY = "25006"


@contextmanager
def faults_explained() -> Iterator[None]:
    """Raise `StorageError` or `UnavailableError` for what the database refuses; bugs stay as they are."""
    try:
        yield
    except exc.TimeoutError as error:
        raise UnavailableError("The store is too busy", hint="Try again.", retry_after=1) from error
    except exc.DBAPIError as error:
        explained = _of_sqlite(error.orig) if isinstance(error.orig, sqlite3.Error) else _of_server(error)
        if explained is None:
            raise
        raise explained from error


def _of_sqlite(error: sqlite3.Error) -> TandemError | None:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
    if code in _BUSY:
        return UnavailableError("Another process keeps the store locked", hint="Try again.", retry_after=1)
    if code in _SQLITE:
        message, hint = _SQLITE[code]
        return StorageError(f"{message}: {error}", hint=hint)
    return None


def _of_server(error: exc.DBAPIError) -> TandemError | None:
    state = getattr(error.orig, "sqlstate", None)
    if state == _POSTGRES_DISK_FULL:
        return StorageError("The database server's disk is full", hint="Free some space there.")
    if state == _POSTGRES_READ_ONLY:
        return StorageError("The database server takes no writes", hint="Is store.url that of a replica?")
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return UnavailableError(
            "The database server cannot be reached", hint="Check store.url and the server.", retry_after=5
        )
    return None
