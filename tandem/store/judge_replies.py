"""Replies of a judge, kept by what it was asked, in a SQLite file of their own.

Apart from the store: a judge's replies are worth their price to whoever asked, on one machine, and there are many.
"""

import sqlite3
import threading
from pathlib import Path

from tandem.errors import StorageError

_BUSY_TIMEOUT_S = 10.0


class JudgeReplies:
    """Texts by their keys. Thread-safe; several processes may have the file open at once.

    What `keep` has returned from is there after a kill -9. A machine that loses its power may lose the last of it
    (SQLite's WAL with `synchronous=NORMAL`), and nothing before.
    """

    def __init__(self, file: Path) -> None:
        """Open or make the file. Raises `StorageError`."""
        self._file = file
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                file, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise self._fault(error) from error

    def get(self, key: str) -> str | None:
        """What is kept under the key."""
        try:
            with self._lock:
                row = self._connection.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._fault(error) from error
        return None if row is None else str(row[0])

    def keep(self, key: str, reply: str) -> None:
        """Keep it at once; in place of what was there. Raises `StorageError`."""
        try:
            with self._lock:
                self._connection.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", (key, reply))
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._connection.close()

    def _fault(self, error: Exception) -> StorageError:
        return StorageError(
            f"The judge's replies in {self._file} cannot be kept: {error}",
            hint="Look at the disk; a file that is broken may be removed, and its replies are then asked again.",
        )
