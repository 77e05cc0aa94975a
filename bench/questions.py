"""Questions that are embedded at the same time: each in a pass of its own, and those that wait together.

    python -m bench.questions [--data ../shared/data/covidqa] [--rounds 5]

As many askers as named each ask their next question when the last is embedded. `alone` is the same embedder
with a batch size of 1, which is how it was done before. Both take turns, round by round, in one process.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path

from bench.machine import machine
from bench.texts import read_lines
from tandem.embedding import Embedder, load_embedder
from tandem.settings import EmbeddingSettings

_ASKERS = (1, 4, 16, 64)
_QUESTIONS = 200
_RESULT = Path(__file__).parent / "results" / "questions.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    asked = [line["question"] for line in read_lines(arguments.data / "questions.dev.jsonl")][:_QUESTIONS]
    report = {"command": "python -m bench.questions", "machine": machine(), "questions": len(asked)}
    for backend in ("openvino", "torch"):
        embedders = {
            name: load_embedder(EmbeddingSettings(backend=backend, batch_size=size))
            for name, size in (("alone", 1), ("together", 32))
        }
        report[backend] = {
            f"{askers} askers": _compared(embedders, asked, askers, arguments.rounds) for askers in _ASKERS
        }
        for embedder in embedders.values():
            embedder.close()
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _compared(
    embedders: dict[str, Embedder], asked: list[str], askers: int, rounds: int
) -> dict[str, dict[str, float]]:
    """Medians over the rounds."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in embedders}
    for _ in range(rounds):
        for name, embedder in embedders.items():
            runs[name].append(asyncio.run(_one_round(embedder, asked, askers)))
    figures = ("questions_per_s", "median_ms", "p99_ms")
    return {
        name: {
            figure: round(statistics.median(values), 2)
            for figure, values in zip(figures, zip(*each, strict=True), strict=True)
        }
        for name, each in runs.items()
    }


async def _one_round(embedder: Embedder, asked: list[str], askers: int) -> tuple[float, float, float]:
    left, spent = iter(asked), []

    async def ask() -> None:
        for question in left:
            begun = time.perf_counter()
            await embedder.embed_query(question)
            spent.append(1000 * (time.perf_counter() - begun))

    begun = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(askers)))
    seconds = time.perf_counter() - begun
    spent.sort()
    return len(asked) / seconds, statistics.median(spent), spent[int(0.99 * len(spent))]


if __name__ == "__main__":
    main()
