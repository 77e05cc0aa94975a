"""The folder of an embedded index: its shard, and the note that says which one counts and who embedded it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import qdrant_edge as qe

from tandem.errors import StorageError
from tandem.index.lock import OwnerLock
from tandem.index.points import BM25, DENSE, KEYWORDS, NUMBERS, check_embedder
from tandem.settings import IndexSettings

_NOTE = "embedder.json"
_FIRST = "shard"
_LATER = "shard-"
_VECTOR_BYTES = 4
_WORDS_FROM = 1_000
"""Chunks from which BM25 goes by the lists of words, not chunk by chunk, at some 4 microseconds each."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of the index beside its shard. Written last, by replacing, so that it is never half there."""

    dimension: int
    fingerprint: str
    shard: str = _FIRST
    """Folder of the shard that counts; any other is what a stop has left of a compaction."""

    def write(self, folder: Path) -> None:
        """Make it the truth, also for after a loss of power."""
        fresh = folder / f"{_NOTE}.new"
        with fresh.open("w") as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / _NOTE)

    @property
    def next_shard(self) -> str:
        """A name that is free."""
        return f"{_LATER}{int(self.shard.removeprefix(_LATER) if _LATER in self.shard else 0) + 1}"


def open_shard(
    folder: Path, settings: IndexSettings, *, dimension: int, fingerprint: str
) -> tuple[Note, qe.EdgeShard]:
    """The shard; made anew where a crash left one without its note."""
    config = _config(settings, dimension)
    if (folder / _NOTE).exists():
        recorded = json.loads((folder / _NOTE).read_text())
        check_embedder(recorded, dimension=dimension, fingerprint=fingerprint)
        note = Note(**recorded)
        _sweep(folder, note)
        shard = load(folder / note.shard, settings, dimension)
        _index_payload(shard, settings)
        return note, shard
    note = Note(dimension, fingerprint)
    place = folder / note.shard
    if place.exists():
        place.rename(folder / f"unfinished-{os.getpid()}")
    place.mkdir()
    shard = qe.EdgeShard.create(str(place), config)
    _index_payload(shard, settings)
    note.write(folder)
    return note, shard


def load(place: Path, settings: IndexSettings, dimension: int) -> qe.EdgeShard:
    """A shard that is there, under the settings of today."""
    return qe.EdgeShard.load(str(place), _config(settings, dimension))


def remove(folder: Path) -> None:
    """Remove an index that nobody has open. Raises `IndexOwnedError` and `StorageError`."""
    if not folder.exists():
        return
    with storage_errors(folder):
        lock = OwnerLock(folder / "owner.lock")
        try:
            shutil.rmtree(folder)
        finally:
            lock.release()


def _config(settings: IndexSettings, dimension: int) -> qe.EdgeConfig:
    """Vectors stay on disk, four bits of each number in memory; those of large tenants get a graph each.

    Every search is of one tenant, so there is no graph over all. A tenant below the threshold is searched
    through and through, which is exact; the engine wants the threshold in KiB of vectors.
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
                    m=0,
                    payload_m=16,
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
            tenant = key == "tenant"
            schema = qe.KeywordIndexParams(is_tenant=tenant, enable_hnsw=tenant, memory=qe.Memory.Cached)
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
    except (OSError, RuntimeError, ValueError) as error:
        raise StorageError(
            f"The index{f' {folder}' if folder else ''} cannot be read or written: {error}",
            hint="Check free space and permissions of the data folder.",
        ) from error
