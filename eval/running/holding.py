"""One process asks for a run at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.errors import ConflictError

_FILE = Path("eval") / "runs.lock"


@contextmanager
def held(run: str, data_dir: Path) -> Iterator[None]:
    """Hold the run, an id in hex, while the block lasts; the kernel lets go of it however the process ends.

    Raises `ConflictError` while another process on this data folder has it.
    """
    file = data_dir / _FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lock:
        try:
            # One file for all runs: each has a byte of its own, which need not be there.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(run[:12], 16))
        except (BlockingIOError, PermissionError) as error:
            raise ConflictError(
                f"Another process is asking for the run {run[:8]}",
                param="run",
                hint="Wait for it, or end it: what is answered until then stays.",
            ) from error
        yield
