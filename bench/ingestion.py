"""How near ingestion comes to the rate of the embedder alone.

    python -m bench.ingestion [--data ../shared/data/covidqa] [--documents 69] [--rounds 3]

Libraries are loaded and warm: one document went through before. Each round takes other documents. They go as
files through a job into SQLite and Qdrant Edge: read, parsed, split, embedded, indexed, committed. Then the
embedder alone embeds the same chunks' texts, all at once, in the same process. The share is of chunks a second, job over embedder; it wants a machine with nothing else
to do. The share of processor time, embedder over job, holds on a busy one too.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.texts import read_lines, write_files
from ingest import Ingestor
from ingest.jobs import JobWorker, join_workers
from ingest.manifest import Manifest
from ingest.sources import FilesSource
from tandem.embedding import Embedder, load_embedder
from tandem.index import open_index
from tandem.live import Collection, Live
from tandem.settings import Settings
from tandem.store import Job, open_store
from tandem.vocabulary import Caller

_RESULT = Path(__file__).parent / "results" / "ingestion.json"
_CORPUS = "bench"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--documents", type=int, default=69)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    documents = read_lines(arguments.data / "corpus.jsonl")[: arguments.documents]
    embedder = load_embedder(Settings().embedding)
    with tempfile.TemporaryDirectory() as folder:
        write_files(
            [{"title": "Warm up", "text": "A sentence of a few words. " * 2_000}], Path(folder) / "files"
        )
        asyncio.run(run_job(Path(folder), embedder))
    rounds = []
    for number in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            write_files(documents[number :: arguments.rounds], Path(folder) / "files")
            rounds.append(_round(Path(folder), embedder))
            print(json.dumps(rounds[-1]))
    embedder.close()
    report = {
        "command": "python -m bench.ingestion",
        "machine": machine(),
        "data": arguments.data.name,
        "documents": len(documents),
        "rounds": rounds,
        "share_of_embedder_median": round(statistics.median(r["share_of_embedder"] for r in rounds), 3),
        "share_of_processor_median": round(statistics.median(r["share_of_processor"] for r in rounds), 3),
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds by the clock, and of the processor in all threads of this process."""

    seconds: float
    processor: float

    @classmethod
    def so_far(cls) -> "Spent":
        """Since some moment in the past."""
        return cls(time.perf_counter(), time.process_time())

    def __sub__(self, earlier: "Spent") -> "Spent":
        return Spent(self.seconds - earlier.seconds, self.processor - earlier.processor)


async def run_job(folder: Path, embedder: Embedder) -> tuple[Job, list[str], Spent]:
    """Ingest `folder / "files"` into `folder / "data"`: the job, the chunks' texts, and what it took."""
    settings = Settings(data_dir=folder / "data")
    async with AsyncExitStack() as stack:
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        index = await open_index(
            settings.index,
            settings.data_dir,
            dimension=embedder.dimension,
            fingerprint=embedder.fingerprint,
        )
        stack.push_async_callback(index.close)
        me = join_workers(store, stack)
        ingestor = Ingestor(store, Live(Collection(None, index, embedder)), settings.ingest, me)
        stack.push_async_callback(ingestor.close)
        worker = JobWorker(store, ingestor, settings.ingest, me)
        manifest = Manifest(corpus=_CORPUS, sources=(FilesSource(paths=(folder / "files",)),))
        begun = Spent.so_far()
        job = store.create_job(Caller(), _CORPUS, manifest.model_dump(mode="json"))
        await worker.run_one(Caller(), job.id)
        spent = Spent.so_far() - begun
        texts = [chunk.indexed_text async for chunk in index.chunks()]
        return store.job(Caller(), job.id), texts, spent


def _round(folder: Path, embedder: Embedder) -> dict[str, Any]:
    job, texts, whole = asyncio.run(run_job(folder, embedder))
    begun = Spent.so_far()
    embedder.embed_documents(texts)
    alone = Spent.so_far() - begun
    return {
        "documents": job.total,
        "chunks": len(texts),
        "job_chunks_per_s": round(len(texts) / whole.seconds, 1),
        "job_documents_per_s": round(job.total / whole.seconds, 2),
        "embedder_chunks_per_s": round(len(texts) / alone.seconds, 1),
        "share_of_embedder": round(alone.seconds / whole.seconds, 3),
        "share_of_processor": round(alone.processor / whole.processor, 3),
    }


if __name__ == "__main__":
    main()
