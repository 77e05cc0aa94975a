"""Makes a shard small and fast: a child optimises a copy while the shard itself serves.

What is written in the meantime is noted, and brought into the copy before it takes the shard's place. Only
the opening of the copy stops this process, since the engine holds Python's global lock for it.
"""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import qdrant_edge as qe

from tandem.errors import StorageError
from tandem.index.file_data import written_parts

_OPTIMIZER = Path(__file__).with_name("optimizer.py")
_BATCH = 512
_BLOCK = 512
"""Bytes in which `stat` counts what a file takes of the disk."""
_PIECE = 2**20
_ROOM = 2.5
"""Times its own size that a shard needs on the disk: the copy, and the segments made from it."""


class Journal:
    """What was written to a shard since its copy was taken."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._deleted: list[qe.Filter] = []

    def write(self, points: list[qe.Point]) -> None:
        """Note points that were written."""
        self._written.update(str(point.id) for point in points)

    def delete(self, chosen: qe.Filter) -> None:
        """Note a deletion."""
        self._deleted.append(chosen)

    def change(self, shard: qe.EdgeShard, chosen: qe.Filter) -> None:
        """Note points whose payload was changed where they are."""
        start: qe.PointId | None = None
        while True:
            records, start = shard.scroll(
                qe.ScrollRequest(
                    offset=start, limit=_BATCH, filter=chosen, with_payload=False, with_vector=False
                )
            )
            self._written.update(str(each.id) for each in records)
            if start is None:
                return

    def replay(self, source: qe.EdgeShard, target: qe.EdgeShard) -> None:
        """Make `target` equal to `source` in everything noted: each point is there as it is now, or not."""
        for chosen in self._deleted:
            target.update(qe.UpdateOperation.delete_points_by_filter(chosen))
        written = sorted(self._written)
        for start in range(0, len(written), _BATCH):
            ids = written[start : start + _BATCH]
            records = source.retrieve(list(ids), with_payload=True, with_vector=True)
            points = [qe.Point(each.id, each.vector or {}, each.payload) for each in records]
            if points:
                target.update(qe.UpdateOperation.upsert_points(points))
            gone = sorted(set(ids) - {str(each.id) for each in records})
            if gone:
                target.update(qe.UpdateOperation.delete_points(list(gone)))
        target.flush()


class OptimizerChild:
    """The process that optimises; it can be ended from another thread before it starts, or while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self.ended = False

    def run(self, place: Path) -> None:
        """Optimise the shard in `place`; blocking. Raises `StorageError` if that fails or is ended.

        The thread that calls must live as long as the child: the child ends with it.
        """
        with self._lock:
            if self.ended:
                raise StorageError("The compaction was ended")
            # A session of its own: Ctrl-C is for the parent, which then ends the child.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_OPTIMIZER), str(place), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        _, complaint = self._process.communicate()
        if self._process.returncode != 0:
            last = complaint.decode(errors="replace").strip().splitlines()[-1:]
            raise StorageError(
                f"The index could not be compacted: {''.join(last) or 'its process was ended'}",
                hint="Check free memory and space; the index serves on as it is.",
            )

    def end(self) -> None:
        """End it, now or at its start."""
        with self._lock:
            self.ended = True
            if self._process is not None:
                self._process.kill()


def copy(source: Path, target: Path) -> None:
    """Copy a shard that nobody writes to. Raises `StorageError` where the disk has no room for the work."""
    size = _BLOCK * sum(file.stat().st_blocks for file in source.rglob("*") if file.is_file())
    free = shutil.disk_usage(source).free
    if free < _ROOM * size:
        raise StorageError(
            f"To compact the index, {_ROOM * size / 2**30:.1f} GiB must be free, and {free / 2**30:.1f} GiB are",
            hint="Free some space; the index serves on as it is.",
        )
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=_copy_file)


def _copy_file(source: str, target: str) -> None:
    """Copy a file with its holes: most of a small shard's files is room that nothing was written to."""
    with Path(source).open("rb") as read, Path(target).open("wb") as write:
        write.truncate(os.fstat(read.fileno()).st_size)
        for start, end in written_parts(read):
            read.seek(start)
            write.seek(start)
            while read.tell() < end:
                write.write(read.read(min(_PIECE, end - read.tell())))
