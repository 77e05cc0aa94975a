"""Puts a backup in the place of what is there.

The vectors go into a collection of a new name, which nothing asks; then one transaction of the store replaces
all rows, among them the one that says which collection answers. Whatever stops before it, all is as it was;
what is left of the attempt goes with the next one.
"""

import gzip
import io
import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tandem.backup.archive import ArchiveFacts, members, read_facts
from tandem.errors import ConflictError, InvalidRequestError
from tandem.index import drop_collection, open_index
from tandem.index.points import chunk_of
from tandem.settings import Settings
from tandem.store import Store
from tandem.store.schema import CURRENT
from tandem.threads import in_thread

_STAGE = ".restoring"
_NOTE = ".collection"
_NOWHERE = "restored"
"""In the place of a document's original: nothing has this id, so the next start embeds the document again."""

Row = dict[str, Any]
Version = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has brought."""

    facts: ArchiveFacts
    lacking: int
    """Documents whose vectors were not in the archive; the next start embeds them."""


async def restore(
    path: Path,
    store: Store,
    settings: Settings,
    *,
    replace: bool = False,
    expected: str | None = None,
    report: Callable[[str], None] = lambda step: None,
) -> Restored:
    """Check the whole archive, and replace all that is there by what it holds. No server may run.

    Raises `InvalidRequestError` for what is no whole backup, or has not the hash `expected`, `ConflictError` where
    there is something already and not `replace`, or while a server runs, and what store and index raise.
    """
    report(f"Checking {path}")
    facts = await in_thread(read_facts, path)
    if expected is not None and facts.hash != expected:
        raise InvalidRequestError(
            f"The backup has the hash {facts.hash}, not {expected}",
            param="expected",
            hint="It is another one.",
        )
    if not replace and (held := await in_thread(_held, store)):
        raise ConflictError(
            f"There is something here already: {held}", hint="To replace all of it: --replace"
        )
    report(f"Writing {facts.chunks:,} chunks")
    known = await in_thread(store.collections)
    # Never one that is there: neither the one that answers, nor what an earlier attempt has left.
    name = f"{settings.index.collection[:47]}-{secrets.token_hex(8)}"
    if left := await in_thread(_begin, settings.data_dir, name):
        await drop_collection(settings.index, settings.data_dir, left)
    written = await _write_index(path, facts, name, settings)
    await in_thread(_unpack, path, settings.data_dir)
    report("Replacing the store")
    lacking = Counter[str]()

    def change(table: str, row: Row) -> Row:
        if table == "collections":
            return row | {"name": name}
        if table == "versions" and _lacks(row, written):
            lacking["documents"] += 1
            return row | {"duplicate_of": _NOWHERE, "original_version": _NOWHERE, "chunks": 0}
        return row

    await in_thread(store.load, facts.schema, _rows(path), change)
    await in_thread(_put_files, settings.data_dir)
    for one in known:
        await drop_collection(settings.index, settings.data_dir, one.name)
    told = {"archive": facts.hash, "made_at": facts.made_at}
    await in_thread(store.audit, subject="local", action="backup.restored", object=path.name, details=told)
    return Restored(facts, lacking["documents"])


def _held(store: Store) -> str:
    """What would be lost, for people; empty where there is nothing."""
    counts = store.holdings()
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


async def _write_index(path: Path, facts: ArchiveFacts, name: str, settings: Settings) -> Counter[Version]:
    index = await open_index(
        settings.index,
        settings.data_dir,
        dimension=facts.dimension,
        fingerprint=facts.fingerprint,
        collection=name,
    )
    written: Counter[Version] = Counter()
    try:
        payloads: list[Row] = []
        for member, file in members(path, "index/"):
            if member.endswith(".jsonl.gz"):
                payloads = [json.loads(line) for line in gzip.decompress(file.read()).splitlines()]
                continue
            vectors = np.load(io.BytesIO(file.read()), allow_pickle=False)
            chunks = [chunk_of(one["id"], one["payload"]) for one in payloads]
            await index.upsert(chunks, vectors)
            written.update((chunk.document_id, chunk.version) for chunk in chunks)
        await index.compact()
    finally:
        await index.close()
    return written


def _lacks(row: Row, written: Counter[Version]) -> bool:
    searched = row["state"] == CURRENT and row["duplicate_of"] is None
    return searched and written[row["document_id"], row["version"]] < row["chunks"]


def _rows(path: Path) -> Iterator[tuple[str, list[Row]]]:
    for member, file in members(path, "store/"):
        table = member.removeprefix("store/").removesuffix(".jsonl.gz").split("-", 1)[1]
        yield table, [json.loads(line) for line in gzip.decompress(file.read()).splitlines()]


def _begin(data_dir: Path, collection: str) -> str | None:
    """Note the collection that is going to be written; gives the one of an attempt that was broken off."""
    stage = data_dir / _STAGE
    note = stage / _NOTE
    left = note.read_text() if note.exists() else None
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True, mode=0o700)
    note.write_text(collection)
    return left


def _unpack(path: Path, data_dir: Path) -> None:
    stage = data_dir / _STAGE
    for member, file in members(path, "files/"):
        place = stage / member.removeprefix("files/")
        if not place.resolve().is_relative_to(stage.resolve()):
            raise InvalidRequestError(
                f"The backup holds {member!r}, which would leave its folder", param="archive"
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            shutil.copyfileobj(file, out)
            out.flush()
            os.fsync(out.fileno())


def _put_files(data_dir: Path) -> None:
    """The archive's folders take the place of those that are there."""
    stage = data_dir / _STAGE
    (stage / _NOTE).unlink()
    for one in sorted(stage.iterdir()):
        place = data_dir / one.name
        if place.is_dir():
            shutil.rmtree(place)
        one.replace(place)
    stage.rmdir()
