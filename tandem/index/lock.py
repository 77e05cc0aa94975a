"""One process owns an embedded index, from its opening to its end."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from tandem.errors import IndexOwnedError


class OwnerLock:
    """A lock file with the owner's process id. The kernel lets go of it however the owner ends."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises `IndexOwnedError` when another process has it."""
        self._file: TextIO | None = path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            owner = self._file.read().strip() or "unknown"
            self._file.close()
            raise IndexOwnedError(
                f"The index {path.parent} is in use by process {owner}",
                hint="Commands go through the running server by themselves; else stop that process first.",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._file is not None:
            self._file.close()
            self._file = None
