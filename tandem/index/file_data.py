"""The parts of a file that were written. The engine's files are made at a size that most of them never fill."""

import errno
import os
from collections.abc import Iterator
from typing import BinaryIO


def written_parts(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Start and end, in bytes, of each part of an open file that is no hole, in order. Moves the file's place."""
    size = os.fstat(file.fileno()).st_size
    end = 0
    while end < size:
        try:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return  # nothing but a hole is left
        end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, end
