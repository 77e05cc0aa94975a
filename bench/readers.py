"""Readers while documents are ingested anew: does one ever see two versions of a document, or none?

    python -m bench.readers [--reads 20000] [--replacements 200] [--readers 20] [--documents 5] [--seed 1]

Each document stands in a corpus of its own and goes back and forth between two versions that share no word. A read
is the search of an answer (index, versions that count, again where one fell away) for words of one of the two
versions, whichever it is that counts.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.machine import machine
from ingest import Ingestor, Upload
from server.answering.retrieve import search_current
from tandem.embedding import Embedder, load_embedder
from tandem.index import Index, Query, open_index
from tandem.live import Collection, Live
from tandem.settings import Settings
from tandem.store import Store, open_store
from tandem.vocabulary import Caller, Passage, Scope

_RESULT = Path(__file__).parent / "results" / "readers.json"
_CALLER = Caller()
_SECTIONS = 12
"""Chunks of a version: more than a read asks for, so that one version can hide the other."""

_WANTED = 8
_PAUSE_S = 0.05
"""Between two reads of a reader, about: else the readers leave no time to write."""

_WORDS = (("lantern", "harbour", "orchard"), ("furnace", "glacier", "saddle"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is to be done, and by how many."""

    reads: int
    replacements: int
    readers: int
    documents: int
    seed: int


@dataclass
class Seen:
    """What the readers have seen."""

    reads: int = 0
    replaced: int = 0
    empty: int = 0
    mixed: int = 0
    by_version: list[int] = field(default_factory=lambda: [0, 0])
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print and keep the result; exit code 1 if a read was empty or mixed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reads", type=int, default=20_000)
    parser.add_argument("--replacements", type=int, default=200)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--documents", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    wanted = Wanted(**vars(parser.parse_args()))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_in_folder(Path(folder), wanted))
    report = {
        "command": f"python -m bench.readers {' '.join(sys.argv[1:])}".strip(),
        "machine": machine(),
        "seconds": round(time.monotonic() - begun),
        **figures,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")
    if report["empty"] or report["mixed"]:
        raise SystemExit(1)


async def _in_folder(folder: Path, wanted: Wanted) -> dict[str, Any]:
    async with _opened(folder) as (store, index, embedder):
        return await measure(store, index, embedder, wanted)


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[tuple[Store, Index, Embedder]]:
    settings = Settings(data_dir=folder)
    async with AsyncExitStack() as stack:
        store = open_store(settings.store, folder)
        stack.callback(store.close)
        embedder = load_embedder(settings.embedding)
        stack.callback(embedder.close)
        index = await open_index(
            settings.index, folder, dimension=embedder.dimension, fingerprint=embedder.fingerprint
        )
        stack.push_async_callback(index.close)
        yield store, index, embedder


async def measure(store: Store, index: Index, embedder: Embedder, wanted: Wanted) -> dict[str, Any]:
    """Read with many at once, while every document is replaced again and again, until there was enough of both."""
    ingestor = Ingestor(store, Live(Collection(None, index, embedder)), Settings().ingest)
    uploads = [[_upload(number, words) for words in _WORDS] for number in range(wanted.documents)]
    for number, versions in enumerate(uploads):
        await ingestor.ingest(_CALLER, _corpus(number), versions[0])
    vectors = [await embedder.embed_query(" ".join(words)) for words in _WORDS]
    queries = [Query(" ".join(words), vector, _WANTED) for words, vector in zip(_WORDS, vectors, strict=True)]
    seen = Seen()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_write(ingestor, uploads, seen, wanted))
        for number in range(wanted.readers):
            rng = random.Random(f"{wanted.seed}-{number}")
            tasks.create_task(_read(store, index, queries, seen, wanted, rng))
    await ingestor.close()
    return {
        "reads": seen.reads,
        "readers": wanted.readers,
        "documents": wanted.documents,
        "replacements": seen.replaced,
        "empty": seen.empty,
        "mixed": seen.mixed,
        "reads_of_each_version": seen.by_version,
        "read_p50_ms": round(1_000 * statistics.median(seen.seconds), 1),
        "read_p95_ms": round(1_000 * statistics.quantiles(seen.seconds, n=20)[-1], 1),
    }


async def _write(ingestor: Ingestor, uploads: Sequence[Sequence[Upload]], seen: Seen, wanted: Wanted) -> None:
    """Replace each document in turn until there was enough."""
    while not _enough(seen, wanted):
        for number, versions in enumerate(uploads):
            version = versions[(seen.replaced // len(uploads) + 1) % 2]
            report = await ingestor.ingest(_CALLER, _corpus(number), version)
            assert report.status == "replaced", report
            seen.replaced += 1


async def _read(
    store: Store, index: Index, queries: Sequence[Query], seen: Seen, wanted: Wanted, rng: random.Random
) -> None:
    while not _enough(seen, wanted):
        scope = Scope.of(_CALLER, [_corpus(rng.randrange(wanted.documents))])
        begun = time.monotonic()
        passages = await search_current(scope, rng.choice(queries), index, store)
        seen.seconds.append(time.monotonic() - begun)
        seen.reads += 1
        _judge(passages, seen)
        await asyncio.sleep(rng.uniform(0, 2 * _PAUSE_S))


def _enough(seen: Seen, wanted: Wanted) -> bool:
    return seen.reads >= wanted.reads and seen.replaced >= wanted.replacements


def _judge(passages: Sequence[Passage], seen: Seen) -> None:
    if not passages:
        seen.empty += 1
        return
    held = [any(word in passage.chunk.text for passage in passages for word in words) for words in _WORDS]
    if len({passage.chunk.version for passage in passages}) > 1 or all(held):
        seen.mixed += 1
    else:
        seen.by_version[held.index(True)] += 1


def _upload(number: int, words: Sequence[str]) -> Upload:
    sections = [
        f"## Section {n} of {number}\n\nThe {words[n % 3]} and the {words[(n + 1) % 3]} are number {n}."
        for n in range(_SECTIONS)
    ]
    return Upload("doc", "doc.md", "\n\n".join(sections).encode())


def _corpus(number: int) -> str:
    return f"corpus-{number}"


if __name__ == "__main__":
    main()
