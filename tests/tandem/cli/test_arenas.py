"""Arenas are counted in a process of its own: glibc settles on their number once."""

import os
import platform
import subprocess
import sys

import pytest

from tandem.embedding.processor import usable_cores

_THREADS = 48
_COUNTED = f"""
import ctypes, re, tempfile, threading
from tandem.cli.arenas import keep_arenas_few

most = keep_arenas_few()
all_there = threading.Barrier({_THREADS})
def hold() -> None:
    kept = bytearray(100_000)  # more than Python's own heap gives out
    all_there.wait(60)
threads = [threading.Thread(target=hold) for _ in range({_THREADS})]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
with tempfile.TemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fdopen(file.fileno(), b"w"))
    libc.malloc_info(0, stream)
    libc.fflush(stream)
    file.seek(0)
    print(most, len(re.findall(rb"<heap ", file.read())))
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")


def _counted(**environment: str) -> tuple[str, int]:
    """What `keep_arenas_few` said, and the arenas after many threads have taken memory."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")
    }
    done = subprocess.run(
        [sys.executable, "-c", _COUNTED], env=kept | environment, check=True, capture_output=True, text=True
    )
    said, arenas = done.stdout.split()
    return said, int(arenas)


def test_many_threads_share_as_many_arenas_as_there_are_cores() -> None:
    most = max(2, usable_cores())
    said, arenas = _counted()
    assert said == str(most)
    assert 1 < arenas <= most


def test_what_the_operator_has_set_stays() -> None:
    most = max(2, usable_cores()) + 3
    assert _counted(MALLOC_ARENA_MAX=str(most)) == ("None", most)
