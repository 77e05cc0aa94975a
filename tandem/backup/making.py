"""Makes a backup while everything goes on."""

import gzip
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tandem import __version__
from tandem.backup.archive import FOLDERS, ArchiveFacts, ArchiveWriter
from tandem.errors import ConflictError
from tandem.index import Index, Vector
from tandem.index.points import payload_of
from tandem.settings import Settings
from tandem.store import Store
from tandem.store.migrating import NEWEST
from tandem.store.schema import CURRENT
from tandem.threads import in_thread
from tandem.vocabulary import Chunk

KEYS = "*.key"
"""Secrets that belong to what is in the store."""
OF_THIS_RUN = "local.key"
"""The command line's own, which is another after every start."""

_MEMBER = 4 * 2**20
"""Bytes of rows before they are packed, after which a member ends."""
_PORTION = 2_048
"""Chunks in a member: each ends with the disk having all of it when it is restored."""
_LEVEL = 1

Version = tuple[str, str]


async def make_backup(store: Store, index: Index, settings: Settings) -> AsyncIterator[bytes]:
    """The bytes of an archive: the store as it is now, the vectors of what is current in it, and files.

    What is written while it is made is in the next one. A document that is replaced meanwhile may come without its
    vectors; it is embedded again after a restore. Raises what store and index raise.
    """
    known = await in_thread(store.active_collection)
    if known is None:
        raise ConflictError("There is nothing to keep yet", hint="Start the server once: tandem up")
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    facts = ArchiveFacts(__version__, NEWEST, made_at, known.name, known.fingerprint, known.dimension)
    archive = ArchiveWriter(facts)
    yield archive.head()
    counted: Counter[str] = Counter()
    current: set[Version] = set()
    rows = _store_members(archive, store, counted, current)
    while (piece := await in_thread(next, rows, b"")) != b"":
        yield piece
    chunks = 0
    async for part, vectors in _current_points(index, current):
        yield await in_thread(_index_members, archive, chunks, part, vectors)
        chunks += len(part)
    files = _file_members(archive, settings.data_dir)
    while (piece := await in_thread(next, files, b"")) != b"":
        yield piece
    yield archive.end(dict(counted), chunks)


async def _current_points(index: Index, current: set[Version]) -> AsyncIterator[tuple[list[Chunk], Vector]]:
    """What is current, in portions that are worth a write of their own when they come back."""
    chunks, vectors = list[Chunk](), list[Vector]()
    async for page, theirs in index.points():
        wanted = [place for place, one in enumerate(page) if (one.document_id, one.version) in current]
        chunks += [page[place] for place in wanted]
        vectors.append(theirs[wanted])
        if len(chunks) >= _PORTION:
            yield chunks, np.concatenate(vectors)
            chunks, vectors = [], []
    if chunks:
        yield chunks, np.concatenate(vectors)


def _store_members(
    archive: ArchiveWriter, store: Store, counted: Counter[str], current: set[Version]
) -> Iterator[bytes]:
    """A member for each few MiB of a table. Blocking."""
    last, lines, size, part = "", list[bytes](), 0, 0
    for table, rows in store.dump():
        if table != last and lines:
            yield archive.member(f"store/{part:06}-{last}.jsonl.gz", _packed(lines))
            lines, size, part = [], 0, part + 1
        last = table
        counted[table] += len(rows)
        for row in rows:
            lines.append(line := json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode())
            size += len(line)
            if table == "versions" and row["state"] == CURRENT and row["duplicate_of"] is None:
                current.add((row["document_id"], row["version"]))
        if size >= _MEMBER:
            yield archive.member(f"store/{part:06}-{last}.jsonl.gz", _packed(lines))
            lines, size, part = [], 0, part + 1
    if lines:
        yield archive.member(f"store/{part:06}-{last}.jsonl.gz", _packed(lines))


def _index_members(archive: ArchiveWriter, place: int, chunks: list[Chunk], vectors: Vector) -> bytes:
    lines = [json.dumps(_point(chunk), ensure_ascii=True).encode() for chunk in chunks]
    held = io.BytesIO()
    np.save(held, vectors.astype(np.float32), allow_pickle=False)
    payloads = archive.member(f"index/{place:09}.jsonl.gz", _packed(lines))
    return payloads + archive.member(f"index/{place:09}.npy", held.getvalue())


def _point(chunk: Chunk) -> dict[str, Any]:
    return {"id": chunk.id, "payload": payload_of(chunk)}


def _file_members(archive: ArchiveWriter, data_dir: Path) -> Iterator[bytes]:
    for path in sorted(data_dir.glob(KEYS)):
        if path.name != OF_THIS_RUN:
            yield from archive.file(f"files/{path.name}", path)
    for folder in FOLDERS:
        for path in sorted((data_dir / folder).rglob("*")):
            inside = path.relative_to(data_dir)
            # What is just being registered lies under a name that begins with a dot.
            if (
                path.is_file()
                and not path.is_symlink()
                and not any(part.startswith(".") for part in inside.parts)
            ):
                yield from archive.file(f"files/{inside.as_posix()}", path)


def _packed(lines: list[bytes]) -> bytes:
    return gzip.compress(b"\n".join(lines), _LEVEL, mtime=0)
