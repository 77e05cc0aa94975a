"""A backup while documents are written, then all is lost, and what comes back of it how fast.

    python -m bench.backup [--chunks 50000]

The chunks are made (`bench.synthetic`), 25 to a document, and written to the store and to Qdrant Edge as ingestion
writes them; a writer goes on adding documents while the backup is made. The data folder is then left for an empty
one. Told are the seconds of the backup, of the restore until questions can be asked (limit 60), the size, the
documents that were acknowledged before the backup began and are missing (must be none), and, of 1,000 hybrid
queries, those whose ten results differ in any id, text or order (must be none). The peer is the
embedding of the same chunks anew, reckoned from `bench/results/embedding.json`.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.synthetic import DIMENSION, Synthetic
from tandem.backup import make_backup, restore
from tandem.index import Index, Query, Vector, open_index
from tandem.settings import Settings
from tandem.store import CollectionRecord, Store, open_store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Chunk, Document, Scope

_RESULT = Path(__file__).parent / "results" / "backup.json"
_EMBEDDING = _RESULT.with_name("embedding.json")
_PER_DOCUMENT = 25
_QUERIES = 1_000
_LIMIT_S = 60
_TENANT = "default"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--chunks", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        result = asyncio.run(_measure(Path(name), arguments.chunks))
    print(json.dumps(result, indent=2))
    _RESULT.write_text(json.dumps(result, indent=2) + "\n")


async def _measure(folder: Path, chunks: int) -> dict[str, Any]:
    first, archive = Settings(data_dir=folder / "first"), folder / "a.tar"
    store = open_store(first.store, first.data_dir)
    store.found_collection(
        CollectionRecord("tandem", {"model": "made"}, "made", DIMENSION, datetime.now(UTC))
    )
    index = await _index(first, "tandem")
    made = Synthetic({_TENANT: 1.0}, 2 * chunks)
    for start in range(0, chunks, _PER_DOCUMENT):
        await _put(store, index, made, start)
    acknowledged = _current(store)
    backup_s = await _kept(archive, store, index, first, partial(_write_on, store, index, made, chunks))

    second = Settings(data_dir=folder / "second")
    begun = time.perf_counter()
    fresh = open_store(second.store, second.data_dir)
    restored = await restore(archive, fresh, second)
    active = fresh.active_collection()
    again = await _index(second, active.name if active else "")
    queries = list(made.questions(_TENANT, _QUERIES, _PER_DOCUMENT))
    await _ask(again, *queries[0])
    restore_s = time.perf_counter() - begun

    there = _current(fresh)
    for late in _current(store) - there:  # else the words of these would weigh in one index alone
        await index.delete_version(_TENANT, late, "v1")
    for one in (index, again):
        await one.compact(at_once=True)
    differing = 0
    for query in queries:
        differing += await _ask(index, *query) != await _ask(again, *query)
    for one in (index, again):
        await one.close()
    for known in (store, fresh):
        known.close()
    return {
        "command": "python -m bench.backup",
        "machine": machine(),
        "chunks": restored.facts.chunks,
        "documents": {"before": len(acknowledged), "written_meanwhile": len(there - acknowledged)},
        "backup": {"seconds": round(backup_s, 1), "mib": round(archive.stat().st_size / 2**20, 1)},
        "restore": {"seconds_until_it_answers": round(restore_s, 1), "limit": _LIMIT_S},
        "missing": {"documents": len(acknowledged - there), "limit": 0},
        "to_embed_again": restored.lacking,
        "queries": {"asked": len(queries), "answered_otherwise": differing, "limit": 0},
        "peer": _peer(restored.facts.chunks),
    }


async def _kept(
    archive: Path,
    store: Store,
    index: Index,
    settings: Settings,
    writing: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
) -> float:
    """Seconds of the backup, while something is written."""
    ended = asyncio.Event()
    writer = asyncio.create_task(writing(ended))
    begun = time.perf_counter()
    with archive.open("wb") as out:
        async for piece in make_backup(store, index, settings):
            out.write(piece)
    spent = time.perf_counter() - begun
    ended.set()
    await writer
    return spent


async def _index(settings: Settings, name: str) -> Index:
    return await open_index(
        settings.index, settings.data_dir, dimension=DIMENSION, fingerprint="made", collection=name
    )


async def _put(store: Store, index: Index, made: Synthetic, start: int) -> None:
    """One document of the made chunks, as ingestion writes it."""
    batch = made.batch(start, _PER_DOCUMENT)
    text = "\n".join(chunk.text for chunk in batch.chunks)
    uri = f"{start}.md"
    document = Document(_TENANT, "docs", uri, uri, "text/markdown", text, f"{start:064}")
    chunks = [
        Chunk(chunk.id, _TENANT, "docs", document.id, "v1", place, chunk.text, 0, len(chunk.text), uri, uri)
        for place, chunk in enumerate(batch.chunks)
    ]
    await in_thread(store.begin_version, document, "v1")
    await index.upsert(chunks, batch.vectors)
    await in_thread(store.commit_version, document.id, "v1", len(chunks))


async def _write_on(store: Store, index: Index, made: Synthetic, start: int, ended: asyncio.Event) -> None:
    for place in range(start, 2 * start, _PER_DOCUMENT):
        if ended.is_set():
            return
        await _put(store, index, made, place)


def _current(store: Store) -> set[str]:
    return {one.id for one in store.documents(Caller(_TENANT), "docs", 10**9)}


async def _ask(index: Index, text: str, vector: Vector) -> list[tuple[str, str]]:
    found = await index.search(Scope(_TENANT), Query(text, vector, 10, exact=True))
    return [(one.chunk.id, one.chunk.text) for one in found]


def _peer(chunks: int) -> dict[str, Any]:
    rate = json.loads(_EMBEDDING.read_text())["chunks_per_s_median"]["default"]
    return {"what": "embedding the same chunks anew", "seconds": round(chunks / rate)}


if __name__ == "__main__":
    main()
