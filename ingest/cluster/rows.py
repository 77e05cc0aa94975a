"""What flows through the cluster: rows of a place in the job, a kind, and a body."""

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingest.accept import Upload
from ingest.duplicates import Likeness
from ingest.manifest import Manifest
from ingest.reading import Reading
from tandem.errors import TandemError
from tandem.settings import EmbeddingSettings, IndexSettings, IngestSettings
from tandem.store import Claim, NewJobDocument, Original, Outcome


class Kind(StrEnum):
    """What a row's body is."""

    ENTRY = "entry"
    """A `JobDocument`, on its way to a reader."""
    TOLD = "told"
    """A `Told` of a document; its chunks are rows of their own."""
    CHUNK = "chunk"
    """A `Chunk`, on its way to the embedder."""
    WRITTEN = "written"
    """Nothing: a chunk is in the index."""
    VECTOR = "vector"
    """A chunk and its vector, to be written by whoever owns the index."""
    LOST = "lost"
    """The error for which a chunk was not written."""


Row = tuple[int, Kind, Any]


@dataclass(frozen=True, slots=True, repr=False)
class Task:
    """All that the cluster is told of a job. It holds keys of services, and is never logged."""

    claim: Claim
    """Of the command; nothing is begun once it is lost."""
    clerk: str
    """The name of the actor that keeps the store."""
    tenant: str
    corpus: str
    manifest: Manifest | None
    splitting: dict[str, Any]
    ingest: IngestSettings
    embedding: EmbeddingSettings
    """Those of the collection that answers."""
    index: IndexSettings
    collection: str | None
    """The one that answers; `None` where no store knows it."""
    fingerprint: str
    """Of the embedder; an actor with another one must not write."""
    home: str
    """The node on which the command runs: its files are those that the sources mean."""
    data_dir: Path
    """The data folder there."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is no document, and those in it."""

    outcome: Outcome
    within: list[NewJobDocument]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document of which nothing but the moment when it expires may be another."""

    expires_at: datetime | None
    attachments: tuple[Upload, ...] = ()
    """Files within it: whether they went in is not known."""
    groups: tuple[str, ...] | None = None
    """Access groups that it is to have."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A version that has been begun, and how many of its chunks follow."""

    reading: Reading
    """Without its chunks."""
    chunks: int
    likeness: Likeness
    original: Original | None


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a document was not read; a text for a fault of ours."""

    error: TandemError | str


Told = Opened | Unchanged | Begun | Failed


def table_of(rows: Iterable[Row]) -> pa.Table:
    """Rows as Ray's blocks hold them. Ray pickles what it passes on anyway; pickles are only our own."""
    listed = list(rows)
    columns = {
        "place": pa.array([place for place, _, _ in listed], pa.int64()),
        "kind": pa.array([kind.value for _, kind, _ in listed], pa.string()),
        "body": pa.array([pickle.dumps(body) for _, _, body in listed], pa.large_binary()),
    }
    return pa.table(columns)


def rows_of(table: pa.Table) -> Iterator[Row]:
    """The way back."""
    for place, kind, body in zip(
        table["place"].to_pylist(), table["kind"].to_pylist(), table["body"].to_pylist(), strict=True
    ):
        yield place, Kind(kind), pickle.loads(body)  # noqa: S301 - written by `table_of` on this cluster
