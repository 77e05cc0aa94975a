import os
from pathlib import Path

import pytest

from tandem.index.file_data import written_parts
from tandem.index.reading_ahead import read_ahead

PAGE = os.sysconf("SC_PAGE_SIZE")
pytestmark = pytest.mark.skipif(
    not hasattr(os, "RWF_NOWAIT"), reason="this system does not say what is in memory"
)


@pytest.fixture(autouse=True)
def tells_what_is_in_memory(tmp_path: Path) -> None:
    if in_memory(forgotten(tmp_path / "probe", 10)):
        pytest.skip("this file system keeps its files in memory")


def in_memory(file: Path) -> bool:
    """Whether the end of a file can be read without the disk. Asked once: the question may bring it in."""
    with file.open("rb") as opened:
        try:
            return (
                os.preadv(opened.fileno(), [bytearray(PAGE)], file.stat().st_size - PAGE, os.RWF_NOWAIT) > 0
            )
        except BlockingIOError:
            return False
        except OSError:
            pytest.skip("this file system does not say what is in memory")


def forgotten(file: Path, pages: int) -> Path:
    """A new file of that size that is on the disk alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        out.write(b"x" * pages * PAGE)
        out.flush()
        os.fsync(out.fileno())
        os.posix_fadvise(out.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return file


def test_what_is_read_ahead_needs_the_disk_no_more(tmp_path: Path) -> None:
    files = [forgotten(tmp_path / "segments" / name, 300) for name in ("one/vectors", "two/texts")]
    assert read_ahead(tmp_path, 2**30) >= 600 * PAGE
    assert all(map(in_memory, files))


def test_over_the_limit_the_smallest_files_are_read(tmp_path: Path) -> None:
    large, small = (forgotten(tmp_path / "segments" / name, pages) for name, pages in (("a", 500), ("b", 10)))
    assert read_ahead(tmp_path, 100 * PAGE) == 10 * PAGE
    assert in_memory(small)
    assert not in_memory(large)


def test_with_no_limit_left_nothing_is_read(tmp_path: Path) -> None:
    file = forgotten(tmp_path / "segments" / "a", 10)
    assert read_ahead(tmp_path, 0) == 0
    assert not in_memory(file)


def test_only_the_written_parts_of_a_file_are_told(tmp_path: Path) -> None:
    file = tmp_path / "sparse"
    with file.open("wb") as out:
        out.truncate(64 * 2**20)
        out.seek(32 * 2**20)
        out.write(b"x" * PAGE)
    if file.stat().st_blocks * 512 > 2**20:
        pytest.skip("this file system keeps no holes")
    with file.open("rb") as opened:
        parts = list(written_parts(opened))
    assert sum(end - start for start, end in parts) < 2**20
    assert any(start <= 32 * 2**20 < end for start, end in parts)


def test_a_file_of_a_hole_alone_has_no_written_part(tmp_path: Path) -> None:
    file = tmp_path / "hole"
    with file.open("wb") as out:
        out.truncate(2**20)
    with file.open("rb") as opened:
        assert sum(end - start for start, end in written_parts(opened)) in (0, 2**20)
