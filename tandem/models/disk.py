"""Writing a folder so that it is there whole or not at all."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.errors import StorageError

_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR}
_SLACK = 64 * 1024 * 1024
_MIB = 1024 * 1024


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn the disk's refusals inside the block into `StorageError`; other faults pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "Free some space and start again." if full else "Check the folder's owner and the disk."
        raise StorageError(
            f"Cannot write to {folder}: {error.strerror}", hint=hint, param="data_dir"
        ) from error


def require_space(folder: Path, size: int) -> None:
    """Raise `StorageError` unless `size` bytes and a little more are free where `folder` stands."""
    free = shutil.disk_usage(folder).free
    if free < size + _SLACK:
        raise StorageError(
            f"{folder} has {free // _MIB} MiB free, and {(size + _SLACK) // _MIB} MiB are needed",
            hint="Free some space, or set data_dir to a larger disk.",
            param="data_dir",
        )


@contextmanager
def one_at_a_time(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold `lock` against other processes; `waiting` is called once if another holds it.

    The system lets go of the lock when its holder ends, also by `kill -9`, so none is ever left behind.
    """
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def put_in_place(made: Path, goal: Path) -> None:
    """Bring `made` to disk and give it the name `goal`, in place of what stood there.

    A folder cannot be renamed over another, so between two renames `goal` is absent for a moment: a
    crash there leaves no goal, and the next call makes it again.
    """
    for path in sorted(made.rglob("*")):
        # Libraries write weights for their owner alone; an engine may run as another user.
        path.chmod(0o755 if path.is_dir() else 0o644)
        _sync(path)
    made.chmod(0o755)
    _sync(made)
    if goal.exists():
        discarded = goal.with_name(f".{goal.name}.discarded")
        shutil.rmtree(discarded, ignore_errors=True)
        goal.rename(discarded)
        made.rename(goal)
        shutil.rmtree(discarded, ignore_errors=True)
    else:
        made.rename(goal)
    _sync(goal.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
