"""What the default embedder brings in speed over sentence-transformers, and whether it costs any quality.

    python -m bench.embedding [DATA]            # about 5 minutes
    python -m bench.embedding --memory          # about 4 minutes; adds to the result kept

The baseline is what a user would write: `SentenceTransformer(folder).encode(texts)` on the CPU, in fp32 with
all its defaults. nDCG@10 is of dense retrieval alone. Of covidqa: the dev questions over the windows of all
documents (110 words, a new one every 95); a window is relevant when it stands in the question's own document
and holds an answer whole, and questions whose answers no window holds are left out. Of pubmedqa: all
questions over all abstracts; only its own abstract is relevant to a question. Speed is measured in turns,
baseline and then default, so that what else runs on the machine hits both: the medians may be low, their
ratio holds.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from bench.machine import machine
from tandem.embedding import Embedder, load_embedder
from tandem.models import PackageSource, resolve_source
from tandem.settings import EmbeddingSettings

_WORDS, _STEP, _TOP = 110, 95, 10
_ROUNDS, _PER_ROUND = 7, 64
_RESULT = Path(__file__).parent / "results" / "embedding.json"
_LOAD = (
    "from tandem.embedding import load_embedder; from tandem.settings import EmbeddingSettings; "
    "load_embedder(EmbeddingSettings()).embed_documents(['a text'])"
)

Encode = Callable[[list[str]], NDArray[np.float32]]
"""Texts to vectors of length 1."""


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument("--memory", action="store_true", help="measure memory alone")
    arguments = parser.parse_args()
    embedder = load_embedder(EmbeddingSettings(), report=print)
    kept = json.loads(_RESULT.read_text()) if _RESULT.exists() else {}
    if arguments.memory:
        result = kept | {"memory": _memory(embedder)}
    else:
        result = _compare(embedder, arguments.data)
        if "memory" in kept:
            result["memory"] = kept["memory"]
    print(json.dumps(result, indent=2))
    _RESULT.write_text(json.dumps(result, indent=2) + "\n")


def _compare(embedder: Embedder, data: Path) -> dict[str, Any]:
    before = round(psutil.getloadavg()[0], 1)
    plain = SentenceTransformer(str(_folder()), device="cpu")
    encoders: dict[str, Encode] = {"baseline": plain.encode, "default": embedder.embed_documents}
    sets = {"covidqa": _covidqa(data / "covidqa"), "pubmedqa": _pubmedqa(data / "pubmedqa")}
    windows = sets["covidqa"][0]
    speeds = _speeds(encoders, windows)
    ratios = [fast / slow for fast, slow in zip(speeds["default"], speeds["baseline"], strict=True)]
    asked = sets["covidqa"][1][:50]
    return {
        "command": "python -m bench.embedding",
        "machine": machine()
        | {name: version(name) for name in ("transformers", "openvino")}
        | {"load_average": [before, round(psutil.getloadavg()[0], 1)]},
        "baseline": "SentenceTransformer(folder, device='cpu').encode(texts)",
        "chunks_per_s_median": {name: round(statistics.median(rates), 1) for name, rates in speeds.items()},
        "default_over_baseline": {
            "median": round(statistics.median(ratios), 2),
            "least": round(min(ratios), 2),
            "most": round(max(ratios), 2),
            "rounds": _ROUNDS,
            "windows_per_round": _PER_ROUND,
        },
        "query_ms_median": {
            "baseline": asyncio.run(_query_ms(partial(asyncio.to_thread, plain.encode), asked)),
            "default": asyncio.run(_query_ms(embedder.embed_query, asked)),
        },
        "load_s_median_of_3": _load_s(_LOAD),
        "quality": {name: _quality(encoders, *judged) for name, judged in sets.items()},
    }


def _folder() -> Path:
    source = resolve_source(EmbeddingSettings().model)
    assert isinstance(source, PackageSource)
    folder = source.folder_with("modules.json")
    assert folder is not None
    return folder


def _quality(
    encoders: dict[str, Encode], texts: list[str], asked: list[str], relevant: Sequence[set[int]]
) -> dict[str, Any]:
    vectors = {name: encode(texts) for name, encode in encoders.items()}
    gains = {name: _gains(encode(asked), vectors[name], relevant) for name, encode in encoders.items()}
    difference = gains["default"] - gains["baseline"]
    cosines = (vectors["default"] * vectors["baseline"]).sum(axis=1)
    return {
        "texts": len(texts),
        "questions": len(asked),
        "ndcg_at_10": {name: round(float(values.mean()), 4) for name, values in gains.items()},
        "default_minus_baseline": {
            "mean": round(float(difference.mean()), 4),
            "interval_95": _interval(difference),
            "questions_that_differ": int(np.count_nonzero(np.abs(difference) > 1e-9)),
        },
        "cosine_to_baseline": {
            "mean": round(float(cosines.mean()), 5),
            "least": round(float(cosines.min()), 5),
        },
    }


def _memory(embedder: Embedder) -> dict[str, Any]:
    """Resident MiB after each 2,000 of 20,000 texts of 1 to 120 words, in lists of 500."""
    chance = random.Random(0)
    words = [
        "the",
        "sea",
        "is",
        "wide",
        "and",
        "birds",
        "fly",
        "over",
        "it",
        "when",
        "a",
        "storm",
        "comes",
        "from",
        "the",
        "north",
        "in",
        "winter",
    ]
    process, seen = psutil.Process(), []
    for done in range(500, 20_001, 500):
        texts = [" ".join(chance.choices(words, k=round(chance.uniform(1, 11) ** 2))) for _ in range(500)]
        embedder.embed_documents(texts)
        if done % 2_000 == 0:
            seen.append(round(process.memory_info().rss / 2**20))
            print(f"{done} texts, {seen[-1]} MiB", file=sys.stderr)
    return {"command": "python -m bench.embedding --memory", "texts": 20_000, "rss_mib_each_2000": seen}


def _covidqa(folder: Path) -> tuple[list[str], list[str], list[set[int]]]:
    owners, windows = _windows(_read(folder / "corpus.jsonl"))
    return windows, *_judged(_read(folder / "questions.dev.jsonl"), owners, windows)


def _pubmedqa(folder: Path) -> tuple[list[str], list[str], list[set[int]]]:
    corpus, questions = _read(folder / "corpus.jsonl"), _read(folder / "questions.jsonl")
    places = {document["id"]: place for place, document in enumerate(corpus)}
    return (
        [document["text"] for document in corpus],
        [question["question"] for question in questions],
        [{places[name] for name in question["doc_ids"]} for question in questions],
    )


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
    asked: NDArray[np.float32], texts: NDArray[np.float32], relevant: Sequence[set[int]]
) -> NDArray[np.float64]:
    """nDCG@10 of each question, with a gain of 1 for a relevant text."""
    scores = asked @ texts.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :_TOP]
    discounts = 1 / np.log2(np.arange(2, _TOP + 2))
    found = np.array([[place in places for place in row] for row, places in zip(best, relevant, strict=True)])
    ideal = np.array([discounts[: len(places)].sum() for places in relevant])
    return np.asarray((found * discounts).sum(axis=1) / ideal)


def _interval(values: NDArray[np.float64]) -> list[float]:
    """Middle 95% of the mean under resampling of the questions."""
    generator = np.random.default_rng(0)
    means = [generator.choice(values, len(values)).mean() for _ in range(10_000)]
    return [round(float(edge), 4) for edge in np.quantile(means, (0.025, 0.975))]


def _speeds(encoders: dict[str, Encode], windows: Sequence[str]) -> dict[str, list[float]]:
    """Windows a second of each round, the encoders in turns on the same windows, new ones in each round."""
    rates: dict[str, list[float]] = {name: [] for name in encoders}
    every = len(windows) // _PER_ROUND
    for encode in encoders.values():
        encode(list(windows[:8]))
    for number in range(_ROUNDS):
        sample = list(windows[number::every][:_PER_ROUND])
        for name, encode in encoders.items():
            rates[name].append(len(sample) / _seconds(partial(encode, sample)))
    return rates


async def _query_ms(embed: Callable[[str], Awaitable[object]], asked: Sequence[str]) -> float:
    times = []
    for question in asked:
        start = time.perf_counter()
        await embed(question)
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
