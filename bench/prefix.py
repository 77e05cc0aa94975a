"""What the order of the passages does for vLLM's prefix cache: hit rate, and time to the first token.

    python -m bench.prefix [--data ../shared/data/covidqa] [--questions 200] [--documents 6]

The questions are of the documents with the most questions, and come again from the start when they are used
up. Each order has a fresh vLLM, whose cache is empty, and is asked the same questions, one after another.
Hit rate is vLLM's own: tokens found in the cache over tokens looked up. Time to the first token is Tandem's
`first_token` less its `before_engine`: what the engine took.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx

from bench.machine import machine
from bench.overhead import free_port
from bench.served import ingest, questions_about, tandem_up

_ORDERS = ("stable", "best_first", "prompt")
_COUNTERS = ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total")
_RESULT = Path(__file__).parent / "results" / "prefix.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/covidqa"))
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--documents", type=int, default=6)
    arguments = parser.parse_args()
    documents, known = questions_about(arguments.data, arguments.documents)
    asked = list(islice(cycle(known), arguments.questions))
    report: dict[str, Any] = {
        "command": "python -m bench.prefix",
        "machine": machine(),
        "documents": len(documents),
        "questions": len(asked),
        "different_questions": len(set(asked)),
    }
    with tempfile.TemporaryDirectory() as name:
        for order in _ORDERS:
            report[order] = _one_order(Path(name), order, documents, asked)
            print(json.dumps({order: report[order]}), flush=True)
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _one_order(folder: Path, order: str, documents: Sequence[Any], asked: Sequence[str]) -> dict[str, Any]:
    port = free_port()
    settings = {
        "TANDEM_ENGINE__PORT": str(port),
        "TANDEM_ANSWER__ORDER": order,
        "TANDEM_ANSWER__EVIDENCE": "0",  # every question reaches the engine
    }
    with tandem_up(folder, settings) as url:
        if order == _ORDERS[0]:
            ingest(url, documents)
        before = _counters(port)
        spent = asyncio.run(_first_tokens(url, asked))
        hits, looked_up = (after - begun for after, begun in zip(_counters(port), before, strict=True))
    return {
        "hit_rate": round(hits / looked_up, 4),
        "tokens_looked_up": int(looked_up),
        "first_token_ms": {
            "median": round(statistics.median(spent), 1),
            "mean": round(statistics.fmean(spent), 1),
            "p90": round(sorted(spent)[int(0.9 * len(spent))], 1),
        },
    }


async def _first_tokens(url: str, asked: Sequence[str]) -> list[float]:
    """Milliseconds from the engine's being asked to its first token, of each question."""
    spent = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=300) as http:
        for text in asked:
            body = {"messages": [{"role": "user", "content": text}], "max_tokens": 1}
            reply = (await http.post("/v1/chat/completions", json=body)).raise_for_status().json()
            timings = reply["tandem"]["timings"]
            spent.append(timings["first_token"] - timings["before_engine"])
    return spent


def _counters(port: int) -> list[float]:
    page = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=30).text
    values = dict.fromkeys(_COUNTERS, 0.0)
    for line in page.splitlines():
        name = line.split("{", 1)[0]
        if name in values:
            values[name] += float(line.rsplit(" ", 1)[1])
    return list(values.values())


if __name__ == "__main__":
    main()
