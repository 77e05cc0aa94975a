"""Whether bf16 costs the embedder any quality, and what it brings in speed.

    python -m bench.embedding [DATA]

nDCG@10 of dense retrieval alone for the dev questions of covidqa, over the windows of all its documents
(110 words, a new one every 95). A window is relevant when it stands in the question's own document and
holds an answer whole; questions whose answers no window holds are left out. Speed is measured in turns,
fp32 and then bf16, so that what else runs on the machine hits both: the medians may be low, their ratio
holds.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import machine
from tandem.embedding import Embedder, load_embedder
from tandem.settings import EmbeddingSettings

_WORDS, _STEP, _TOP = 110, 95, 10
_ROUNDS, _PER_ROUND = 5, 128
_RESULT = Path(__file__).parent / "results" / "embedding.json"
_LOAD = (
    "from tandem.embedding import load_embedder; from tandem.settings import EmbeddingSettings; "
    "load_embedder(EmbeddingSettings()).embed_documents(['a text'])"
)


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    folder = parser.parse_args().data / "covidqa"
    corpus, questions = _read(folder / "corpus.jsonl"), _read(folder / "questions.dev.jsonl")
    owners, windows = _windows(corpus)
    asked, relevant = _judged(questions, owners, windows)
    print(f"{len(windows)} windows, {len(asked)} of {len(questions)} questions with an answer whole in one")

    embedders = {name: load_embedder(EmbeddingSettings(dtype=name)) for name in ("float32", "bfloat16")}
    gains = {name: _gains(embedder, windows, asked, relevant) for name, embedder in embedders.items()}
    difference = gains["bfloat16"] - gains["float32"]
    speeds = _speeds(embedders, windows)
    queries = {name: asyncio.run(_query_ms(embedder, asked)) for name, embedder in embedders.items()}
    result = {
        "command": "python -m bench.embedding",
        "machine": machine() | {"transformers": version("transformers")},
        "windows": len(windows),
        "questions": len(asked),
        "ndcg_at_10": {name: round(float(values.mean()), 4) for name, values in gains.items()},
        "ndcg_at_10_bfloat16_minus_float32": {
            "mean": round(float(difference.mean()), 4),
            "interval_95": _interval(difference),
            "questions_that_differ": int(np.count_nonzero(np.abs(difference) > 1e-9)),
        },
        "chunks_per_s_median": {name: round(statistics.median(rates), 1) for name, rates in speeds.items()},
        "bfloat16_over_float32_median": round(
            statistics.median(
                fast / slow for fast, slow in zip(speeds["bfloat16"], speeds["float32"], strict=True)
            ),
            2,
        ),
        "query_ms_median": queries,
        "load_s_median_of_3": _load_s(_LOAD),
    }
    print(json.dumps(result, indent=2))
    _RESULT.write_text(json.dumps(result, indent=2) + "\n")


def _read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _windows(corpus: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Each window's document, and its text with single spaces."""
    owners, windows = [], []
    for document in corpus:
        words = document["text"].split()
        for start in range(0, max(1, len(words) - (_WORDS - _STEP)), _STEP):
            owners.append(document["id"])
            windows.append(" ".join(words[start : start + _WORDS]))
    return owners, windows


def _judged(
    questions: Sequence[dict[str, Any]], owners: Sequence[str], windows: Sequence[str]
) -> tuple[list[str], list[set[int]]]:
    """The questions that a window answers, and for each the places of the windows that do."""
    asked, relevant = [], []
    for question in questions:
        answers = [" ".join(answer.split()) for answer in question["answers"]]
        places = {
            place
            for place, (owner, window) in enumerate(zip(owners, windows, strict=True))
            if owner in question["doc_ids"] and any(answer in window for answer in answers)
        }
        if places:
            asked.append(question["question"])
            relevant.append(places)
    return asked, relevant


def _gains(
    embedder: Embedder, windows: Sequence[str], asked: Sequence[str], relevant: Sequence[set[int]]
) -> NDArray[np.float64]:
    """nDCG@10 of each question, with a gain of 1 for a relevant window."""
    scores = embedder.embed_documents(asked) @ embedder.embed_documents(windows).T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :_TOP]
    discounts = 1 / np.log2(np.arange(2, _TOP + 2))
    found = np.array([[place in places for place in row] for row, places in zip(best, relevant, strict=True)])
    ideal = np.array([discounts[: len(places)].sum() for places in relevant])
    return np.asarray((found * discounts).sum(axis=1) / ideal)


def _interval(values: NDArray[np.float64]) -> list[float]:
    """Middle 95% of the mean under resampling of the questions."""
    random = np.random.default_rng(0)
    means = random.choice(values, (10_000, len(values))).mean(axis=1)
    return [round(float(edge), 4) for edge in np.quantile(means, (0.025, 0.975))]


def _speeds(embedders: dict[str, Embedder], windows: Sequence[str]) -> dict[str, list[float]]:
    """Windows a second of each round, the embedders in turns on the same windows."""
    sample = windows[:: max(1, len(windows) // _PER_ROUND)][:_PER_ROUND]
    rates: dict[str, list[float]] = {name: [] for name in embedders}
    for _ in range(_ROUNDS):
        for name, embedder in embedders.items():
            rates[name].append(len(sample) / _seconds(partial(embedder.embed_documents, sample)))
    return rates


async def _query_ms(embedder: Embedder, asked: Sequence[str]) -> float:
    times = []
    for question in asked[:50]:
        start = time.perf_counter()
        await embedder.embed_query(question)
        times.append((time.perf_counter() - start) * 1_000)
    return round(statistics.median(times), 1)


def _load_s(code: str) -> float:
    """From the start of an interpreter to the first vector."""
    command = [sys.executable, "-c", code]
    runs = [_seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(3)]
    return round(statistics.median(runs), 1)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
