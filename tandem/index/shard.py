"""The folder of a tenant: the shard with its chunks, and the note that says which shard counts."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import qdrant_edge as qe

from tandem.errors import StorageError
from tandem.index.points import BM25, DENSE, KEYWORDS, NUMBERS
from tandem.index.reading_ahead import read_ahead
from tandem.settings import IndexSettings

_PANIC = "PanicException"
_NOTE = "shard.json"
_FIRST = "shard"
_LATER = "shard-"
_VECTOR_BYTES = 4
_MIB = 2**20
_WORDS_FROM = 1_000
"""Chunks from which BM25 goes by the lists of words, not chunk by chunk, at some 4 microseconds each."""


@dataclass(frozen=True, slots=True)
class Note:
    """Whose shard it is, and which one counts. Written last, by replacing, so that it is never half there."""

    tenant: str
    shard: str = _FIRST
    """Folder of the shard that counts; any other is what a stop has left of a compaction."""

    def write(self, folder: Path) -> None:
        """Make it the truth, also for after a loss of power."""
        write_note(folder / _NOTE, asdict(self))

    @property
    def next_shard(self) -> str:
        """A name that is free."""
        return f"{_LATER}{int(self.shard.removeprefix(_LATER) if _LATER in self.shard else 0) + 1}"


def write_note(file: Path, note: Mapping[str, object]) -> None:
    """Write a small file that is there as it was, or as it is to be, whatever stops the writing."""
    fresh = file.with_name(f"{file.name}.new")
    with fresh.open("w") as out:
        json.dump(note, out)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
    place = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def read_note(folder: Path) -> Note | None:
    """The note of a tenant's folder, if there is a shard."""
    file = folder / _NOTE
    return Note(**json.loads(file.read_text())) if file.exists() else None


def open_shard(
    folder: Path, tenant: str, settings: IndexSettings, dimension: int
) -> tuple[Note, qe.EdgeShard]:
    """The shard of a tenant; made, if there is none, or if a crash left one without its note."""
    note = read_note(folder)
    if note is not None:
        _sweep(folder, note)
        shard = load(folder / note.shard, settings, dimension)
        _index_payload(shard, settings)
        return note, shard
    note = Note(tenant)
    shutil.rmtree(folder, ignore_errors=True)
    place = folder / note.shard
    place.mkdir(parents=True)
    shard = qe.EdgeShard.create(str(place), _config(settings, dimension))
    _index_payload(shard, settings)
    note.write(folder)
    return note, shard


def load(place: Path, settings: IndexSettings, dimension: int) -> qe.EdgeShard:
    """A shard that is there, under the settings of today."""
    read_ahead(place, int(settings.read_ahead_mb * _MIB))
    return qe.EdgeShard.load(str(place), _config(settings, dimension))


def _config(settings: IndexSettings, dimension: int) -> qe.EdgeConfig:
    """Vectors stay on disk, four bits of each number in memory; a compaction makes a graph of them.

    Below the threshold, which the engine wants in KiB of vectors, they are all looked at, which is exact.
    """
    threshold = settings.graph_from_chunks * dimension * _VECTOR_BYTES // 1024
    return qe.EdgeConfig(
        vectors={
            DENSE: qe.EdgeVectorParams(
                dimension,
                qe.Distance.Cosine,
                memory=qe.Memory.Cold,
                quantization_config=qe.TurboQuantQuantizationConfig(
                    bits=qe.TurboQuantBitSize.Bits4, memory=qe.Memory.Cached
                ),
                hnsw_config=qe.HnswIndexConfig(
                    m=16,
                    ef_construct=100,
                    full_scan_threshold=threshold,
                    memory=qe.Memory.Cached,
                ),
            )
        },
        sparse_vectors={
            BM25: qe.EdgeSparseVectorParams(
                full_scan_threshold=_WORDS_FROM, modifier=qe.Modifier.Idf, memory=qe.Memory.Cached
            )
        },
        payload_memory=qe.Memory.Cold,
        # Whether there is enough to do is decided before a compaction, not by the engine.
        optimizers=qe.EdgeOptimizersConfig(indexing_threshold=1),
    )


def _index_payload(shard: qe.EdgeShard, settings: IndexSettings) -> None:
    """Indexes on the payload keys that searches filter by; those that are there stay."""
    there = shard.info().payload_schema
    for key in (*KEYWORDS, *(f"metadata.{each}" for each in settings.metadata_keys)):
        if key not in there:
            # A corpus may be most of a search's limits, so the graph has ways within each.
            schema = qe.KeywordIndexParams(enable_hnsw=key == "corpus", memory=qe.Memory.Cached)
            shard.update(qe.UpdateOperation.create_field_index(key, schema))
    for key in NUMBERS:
        if key not in there:
            number = qe.FloatIndexParams(enable_hnsw=False, memory=qe.Memory.Cached)
            shard.update(qe.UpdateOperation.create_field_index(key, number))
    shard.flush()


def _sweep(folder: Path, note: Note) -> None:
    """Remove what a stop has left of a compaction."""
    for other in (folder / _FIRST, *folder.glob(f"{_LATER}*")):
        if other.name != note.shard and other.exists():
            shutil.rmtree(other)


@contextmanager
def storage_errors(folder: Path | None = None) -> Iterator[None]:
    """What the disk or the engine refuses, as our error."""
    try:
        yield
    except BaseException as error:
        # The engine's own errors are of no other class than this one; a panic of it is not even that.
        ours = type(error) is Exception or isinstance(error, (OSError, RuntimeError, ValueError))
        if not ours and type(error).__name__ != _PANIC:
            raise
        raise StorageError(
            f"The index{f' {folder}' if folder else ''} cannot be read or written: {error}",
            hint="Check free space and permissions of the data folder.",
        ) from error
