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

_POSTGRES = {
    "25006": ("The database server takes no writes", "Is store.url that of a replica?"),
    "42501": ("The database user lacks a right", "Let the user of store.url own the database."),
    "53100": ("The database server's disk is full", "Free some space there."),
    "58030": ("The database server cannot read or write", "Check its disk and its log."),
    "XX001": ("The database is broken", "Restore it from a backup."),
    "XX002": ("The database is broken", "Restore it from a backup."),
}
_POSTGRES_BUSY = {"40001", "40P01", "53200", "55P03", "57014"}
"""Conflicts, deadlocks, no memory left, and waits that the server's own limits ended."""


@contextmanager
def faults_explained(*, opening: bool = False) -> Iterator[None]:
    """Raise `StorageError` or `UnavailableError` for what the database refuses; bugs stay as they are.

    `opening` adds why a server cannot be reached. It names hosts and users, so it is for whoever starts
    Tandem, not for its callers.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise UnavailableError("The store is too busy", hint="Try again.", retry_after=1) from error
    except exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            explained = _of_sqlite(error.orig)
        else:
            explained = _of_server(error, opening)
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


def _of_server(error: exc.DBAPIError, opening: bool) -> TandemError | None:
    state = getattr(error.orig, "sqlstate", None)
    if state in _POSTGRES:
        message, hint = _POSTGRES[state]
        return StorageError(message, hint=hint)
    if state in _POSTGRES_BUSY:
        return UnavailableError("The database server is too busy", hint="Try again.", retry_after=1)
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        why = f": {' '.join(str(error.orig).split())}" if opening else ""
        return UnavailableError(
            f"The database server cannot be reached{why}",
            hint="Check the server, and host, port, user, password and database in store.url.",
            retry_after=5,
        )
    return None
