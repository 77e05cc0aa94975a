"""From how many heaps of the C library the server's threads take their memory."""

import ctypes
import os
import sys

from tandem.embedding.processor import usable_cores

_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""
_LEAST = 2
_SET_BY_OTHERS = ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")


def keep_arenas_few() -> int | None:
    """Let glibc make an arena for each core in place of eight; how many, or `None` where nothing was changed.

    What a thread frees stays in its arena. A server has dozens of threads, and each may be the one that a large piece of
    work falls to, so that in time every arena holds what such a piece needs. No more threads run at a time than there
    are cores, so more arenas save nobody a wait.

    Call it before threads start: glibc settles on a number once. What the environment says of arenas stays so; other
    C libraries have none.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _SET_BY_OTHERS):
        return None
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return None
    most = max(_LEAST, usable_cores())
    return most if libc.mallopt(_ARENA_MAX, most) else None
