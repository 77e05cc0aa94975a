"""How well the passages are found, by leg, fused, reranked, and beside LlamaIndex and Haystack.

    python -m bench.retrieval [--data ../shared/data]

The documents of covidqa and of pubmedqa go through the real ingestion; every system then searches the same
chunks with the same vectors. Document figures look at the documents of the best chunks, each once; answer
figures at whether a chunk holds the answer's text, over the questions whose answer is whole in some chunk
(none of pubmedqa's is). Intervals are of 2,000 bootstrap samples of the questions, 95%; `tandem_minus` is
paired: the same questions for both.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.collection import Ingested, ingested
from bench.hybrid_peers import peers, versions
from bench.machine import machine
from bench.texts import read_lines
from eval.retrieval import answer_rank
from tandem.index import Leg, Query, Vector
from tandem.rerank.light import LightReranker
from tandem.retrieval_profile import retrieval_profile
from tandem.threads import in_thread

_DEPTH = 50
"""Chunks asked of every system, so that ten documents are among them."""
_SAMPLES = 2_000
_SETS = (("covidqa", "questions.dev.jsonl"), ("pubmedqa", "questions.jsonl"))
_RESULT = Path(__file__).parent / "results" / "retrieval.json"

Search = Callable[[str, Vector], Awaitable[list[str]]]
Values = dict[str, NDArray[np.float64]]
"""For each figure one value a question."""


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    report: dict[str, Any] = {
        "command": "python -m bench.retrieval",
        "machine": machine(),
        "peers": versions(),
    }
    for name, file in _SETS:
        documents = read_lines(arguments.data / name / "corpus.jsonl")
        questions = [q for q in read_lines(arguments.data / name / file) if q["answerable"]]
        with tempfile.TemporaryDirectory() as folder:
            report[f"{name}, {file}"] = asyncio.run(_measure(Path(folder), documents, questions))
        # Kept set by set: the second one takes minutes, and a stop must not lose the first.
        _RESULT.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


async def _measure(folder: Path, documents: list[Any], questions: list[Any]) -> dict[str, Any]:
    async with ingested(documents, folder) as there:
        texts = [chunk.indexed_text for chunk in there.chunks]
        vectors = await in_thread(there.embedder.embed_documents, texts)
        asked = [(q, await there.embedder.embed_query(q["question"])) for q in questions]
        systems = _tandem(there) | {
            name: _awaited(search) for name, search in peers(there.chunks, vectors, _DEPTH).items()
        }
        by_id = {chunk.id: chunk for chunk in there.chunks}
        whole = [chunk.text for chunk in there.chunks]
        holders = [_holders(question["answers"], whole) for question in questions]
        values, milliseconds = {}, {}
        for name, search in systems.items():
            rows, times = [], []
            for (question, vector), holding in zip(asked, holders, strict=True):
                begun = time.perf_counter()
                found = await search(question["question"], vector)
                times.append((time.perf_counter() - begun) * 1000)
                chunks = [by_id[each] for each in found]
                sources = list(dict.fromkeys(chunk.uri for chunk in chunks))
                rows.append(
                    _figures(
                        "document", [uri in question["doc_ids"] for uri in sources], len(question["doc_ids"])
                    )
                )
                holds = [answer_rank(question["answers"], [chunk.text]) is not None for chunk in chunks]
                rows[-1] |= _figures("answer", holds, holding)
            values[name] = {figure: np.array([row[figure] for row in rows]) for figure in rows[0]}
            milliseconds[name] = round(statistics.median(times), 2)
        held = np.array(holders) > 0
        profile = retrieval_profile(there.settings)
    default = "hybrid" if profile.reranking is None else "hybrid_reranked"
    values = {name: _kept(own, held) for name, own in values.items()}
    return {
        "documents": len(documents),
        "chunks": len(whole),
        "questions": len(questions),
        "questions_with_answer_in_a_chunk": int(held.sum()),
        "tandem_is": default,
        "systems": {
            name: _with_intervals(own) | {"median_ms": milliseconds[name]} for name, own in values.items()
        },
        "tandem_minus": {
            name: _with_intervals({figure: values[default][figure] - own[figure] for figure in own})
            for name, own in values.items()
            if name != default
        },
    }


def _tandem(there: Ingested) -> dict[str, Search]:
    light = LightReranker()
    fusion = retrieval_profile(there.settings).fusion
    candidates = there.settings.retrieval.rerank_candidates

    def leg(leg: Leg) -> Search:
        async def search(text: str, vector: Vector) -> list[str]:
            found = await there.index.search(there.scope, Query(text, vector, _DEPTH, leg, fusion))
            return [passage.chunk.id for passage in found]

        return search

    async def reranked(text: str, vector: Vector) -> list[str]:
        found = await there.index.search(there.scope, Query(text, vector, _DEPTH, fusion=fusion))
        scores = await light.scores(text, found[:candidates])
        order = sorted(range(len(scores)), key=lambda place: -scores[place])
        return [found[place].chunk.id for place in order] + [p.chunk.id for p in found[candidates:]]

    return {
        "dense": leg(Leg.DENSE),
        "bm25": leg(Leg.BM25),
        "hybrid": leg(Leg.HYBRID),
        "hybrid_reranked": reranked,
    }


def _awaited(search: Callable[[str, Vector], list[str]]) -> Search:
    async def awaited(text: str, vector: Vector) -> list[str]:
        return search(text, vector)

    return awaited


def _figures(of: str, relevant: Sequence[bool], there: int) -> dict[str, float]:
    """Recall@1/5/10 and MRR of the first hit, and nDCG@10, of which the ideal has all that are `there` first."""
    first = next((rank for rank, hit in enumerate(relevant, start=1) if hit), None)
    gained = sum(hit / log2(rank + 1) for rank, hit in enumerate(relevant[:10], start=1))
    ideal = sum(1 / log2(rank + 1) for rank in range(1, min(10, there) + 1))
    recalls = {f"{of}_recall@{k}": float(first is not None and first <= k) for k in (1, 5, 10)}
    return recalls | {
        f"{of}_mrr": 1 / first if first else 0.0,
        f"{of}_ndcg@10": gained / ideal if ideal else 0.0,
    }


def _holders(answers: Sequence[str], texts: Sequence[str]) -> int:
    """How many of the texts hold one of the answers."""
    count, start = 0, 0
    while (rank := answer_rank(answers, texts[start:])) is not None:
        count, start = count + 1, start + rank
    return count


def _kept(values: Values, held: NDArray[np.bool_]) -> Values:
    """Answer figures over the questions that have one; none where no question has."""
    kept = {name: each for name, each in values.items() if name.startswith("document")}
    if held.any():
        kept |= {name: each[held] for name, each in values.items() if name.startswith("answer")}
    return kept


def _with_intervals(values: Values) -> dict[str, Any]:
    """Mean, and the 2.5th and 97.5th percentile of the means of samples, in per cent."""
    rng = np.random.default_rng(0)
    found = {}
    for name, each in values.items():
        means = each[rng.integers(0, len(each), (_SAMPLES, len(each)))].mean(axis=1)
        low, high = np.percentile(means, (2.5, 97.5))
        found[name] = [round(100 * float(one), 1) for one in (each.mean(), low, high)]
    return found


if __name__ == "__main__":
    main()
