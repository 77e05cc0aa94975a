"""Brings a shard's files into memory before the engine opens them.

The engine would do it page by page, in no order of the disk's: some for the opening, and the vectors and texts
under the questions that first want them. From front to end it is a small part of that time. What is read
stands in the system's cache of files, which gives it up where memory is wanted for something else.
"""

from collections.abc import Iterator
from pathlib import Path

from tandem.index.file_data import written_parts

_BLOCK = 512
"""Bytes in which `stat` counts what a file takes of the disk."""
_PIECE = 2**20


def read_ahead(place: Path, most: int) -> int:
    """Read the segments of the shard in `place`, at most `most` bytes; returns how many were. Blocking.

    The smallest files come first: the graph and the lists of words before the texts, and these before the
    vectors as they are.
    """
    left = most
    for file, size in _by_size(place / "segments"):
        if size > left:
            break
        left -= size
        _read(file)
    return most - left


def _by_size(folder: Path) -> Iterator[tuple[Path, int]]:
    """Every file with the bytes that it takes of the disk."""
    sizes = ((file, _BLOCK * file.stat().st_blocks) for file in folder.rglob("*") if file.is_file())
    yield from sorted(sizes, key=lambda each: (each[1], each[0]))


def _read(path: Path) -> None:
    piece = bytearray(_PIECE)
    with path.open("rb", buffering=0) as file:
        for start, end in written_parts(file):
            file.seek(start)
            while file.tell() < end and file.readinto(piece):
                pass
