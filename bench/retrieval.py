"""How often the answer's text is inside the best chunks, by leg, and how fast documents go in.

    python -m bench.retrieval [--data ../shared/data/covidqa] [--questions dev]

The articles go through the real ingestion into Qdrant Edge; each question is then searched with the
dense leg, with BM25 and with the hybrid. Shares are of the questions whose answer is whole in some chunk.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.texts import read_lines
from eval.retrieval import answer_rank, hit_rate
from ingest import Ingestor, Upload
from tandem.embedding import load_embedder
from tandem.index import Leg, Query, open_index
from tandem.live import Collection, Live
from tandem.settings import Settings
from tandem.store import open_store
from tandem.vocabulary import Caller, Scope

_CORPUS = "bench"
_DEPTH = 10
_RESULT = Path(__file__).parent / "results" / "retrieval.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--questions", default="dev", help="questions-NAME.jsonl")
    arguments = parser.parse_args()
    documents = read_lines(arguments.data / "corpus.jsonl")
    questions = read_lines(next(arguments.data.glob(f"questions*{arguments.questions}*.jsonl")))
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_measure(Path(folder), documents, questions))
    name = f"{arguments.data.name}, {arguments.questions}"
    report = {"command": "python -m bench.retrieval", "questions": name, "machine": machine()} | figures
    print(json.dumps(report, indent=2))
    if arguments.questions == "dev":
        _RESULT.write_text(json.dumps(report, indent=2) + "\n")


async def _measure(folder: Path, documents: list[Any], questions: list[Any]) -> dict[str, Any]:
    settings = Settings(data_dir=folder)
    embedder = load_embedder(settings.embedding)
    store = open_store(settings.store, folder)
    index = await open_index(
        settings.index, folder, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    ingestor = Ingestor(store, Live(Collection(None, index, embedder)), settings.ingest)
    try:
        begun = time.perf_counter()
        chunks = 0
        for document in documents:
            content = f"{document['title']}\n\n{document['text']}".encode()
            upload = Upload(uri=document["id"], name=f"{document['id']}.txt", content=content)
            chunks += (await ingestor.ingest(Caller(), _CORPUS, upload)).chunks
        seconds = time.perf_counter() - begun
        everything = Scope.of(Caller(), [_CORPUS])
        texts = await index.search(everything, Query("", await embedder.embed_query("x"), 50_000, Leg.DENSE))
        whole = [passage.chunk.text for passage in texts]
        asked = [q for q in questions if q["answerable"] and answer_rank(q["answers"], whole) is not None]
        legs = {leg.value: await _leg(leg, asked, index, embedder, everything) for leg in Leg}
    finally:
        await index.close()
        store.close()
        embedder.close()
    return {
        "documents": len(documents),
        "chunks": chunks,
        "documents_per_s": round(len(documents) / seconds, 2),
        "chunks_per_s": round(chunks / seconds, 1),
        "questions_with_answer_in_a_chunk": len(asked),
        "weights": {"dense": settings.retrieval.dense_weight, "bm25": settings.retrieval.sparse_weight},
        "rrf_k": settings.retrieval.rrf_k,
        "legs": legs,
    }


async def _leg(leg: Leg, questions: list[Any], index: Any, embedder: Any, scope: Scope) -> dict[str, float]:
    ranks, milliseconds = [], []
    for question in questions:
        vector = await embedder.embed_query(question["question"])
        begun = time.perf_counter()
        found = await index.search(scope, Query(question["question"], vector, _DEPTH, leg))
        milliseconds.append((time.perf_counter() - begun) * 1000)
        ranks.append(answer_rank(question["answers"], [passage.chunk.text for passage in found]))
    shares = {f"top_{k}": round(100 * hit_rate(ranks, k), 1) for k in (1, 5, 10)}
    return shares | {"median_ms": round(statistics.median(milliseconds), 2)}


if __name__ == "__main__":
    main()
