"""How often a similar question would get a wrong answer from the cache, by `cache.similar`.

    python -m bench.semantic_cache [--data ../shared/data/covidqa]

Three sets of pairs, with the default embedder:

- `asked`: covidqa's questions come one after another, and each finds the nearest one before it. Above the
  threshold it is a hit; a false one if the two questions have no answer in common.
- `reworded`: each question against itself in other words ("Could you tell me ..."), which should hit.
- `negated`: each question with an "is", "are", "was" or "were" against its negation, which should not.
"""

import argparse
import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import machine
from bench.texts import read_lines
from tandem.embedding import Embedder, load_embedder
from tandem.index import Vector
from tandem.settings import EmbeddingSettings

_THRESHOLDS = (0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99)
_VERB = re.compile(r"\b(is|are|was|were)\b")
_RESULT = Path(__file__).parent / "results" / "semantic_cache.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    arguments = parser.parse_args()
    lines = [
        line
        for name in ("questions.train.jsonl", "questions.dev.jsonl")
        for line in read_lines(arguments.data / name)
    ]
    report = {"command": "python -m bench.semantic_cache", "machine": machine()} | asyncio.run(
        _measured(lines)
    )
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


async def _measured(lines: Sequence[Any]) -> dict[str, Any]:
    first: dict[str, Any] = {}
    for line in lines:  # the same words twice are a hit of the exact cache
        first.setdefault(line["question"].strip(), line)
    questions = list(first)
    answers = [{answer.strip().casefold() for answer in first[text]["answers"]} for text in questions]
    negatable = [text for text in questions if _VERB.search(text)]
    embedder = load_embedder(EmbeddingSettings())
    try:
        vectors = await _embedded(embedder, questions)
        reworded = await _embedded(embedder, [_reworded(text) for text in questions])
        plain = await _embedded(embedder, negatable)
        negated = await _embedded(embedder, [_VERB.sub(r"\1 not", text, count=1) for text in negatable])
    finally:
        embedder.close()
    near = np.tril(vectors @ vectors.T, k=-1)
    nearest, cosines = near.argmax(axis=1)[1:], near.max(axis=1)[1:]
    false = np.array(
        [not answers[place] & answers[other] for place, other in enumerate(nearest.tolist(), start=1)]
    )
    same, opposite = (vectors * reworded).sum(axis=1), (plain * negated).sum(axis=1)
    return {
        "questions": len(questions),
        "negated_questions": len(negatable),
        "thresholds": {
            str(least): {
                "asked_hits": int((cosines >= least).sum()),
                "asked_false_hits": int(((cosines >= least) & false).sum()),
                "false_hits_per_hundred_questions": round(
                    100 * float(((cosines >= least) & false).mean()), 2
                ),
                "reworded_hits_percent": round(100 * float((same >= least).mean()), 1),
                "negated_hits_percent": round(100 * float((opposite >= least).mean()), 1),
            }
            for least in _THRESHOLDS
        },
        "nearest_false": _examples(questions, nearest, cosines, false),
    }


async def _embedded(embedder: Embedder, texts: Sequence[str]) -> Vector:
    return np.stack(await asyncio.gather(*(embedder.embed_query(text) for text in texts)))


def _reworded(text: str) -> str:
    return f"Could you tell me {text[:1].lower()}{text[1:]}"


def _examples(
    questions: Sequence[str], nearest: Vector, cosines: Vector, false: Vector
) -> list[dict[str, Any]]:
    """The five nearest pairs that have no answer in common."""
    order = [place for place in np.argsort(-cosines).tolist() if false[place]]
    return [
        {
            "cosine": round(float(cosines[place]), 3),
            "question": questions[place + 1],
            "answered_as": questions[int(nearest[place])],
        }
        for place in order[:5]
    ]


if __name__ == "__main__":
    main()
