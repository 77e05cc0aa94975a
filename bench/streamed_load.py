"""Streamed questions to an engine, many at a time, and what can be seen of them from outside."""

import asyncio
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.served import events_of
from bench.texts import read_lines
from tandem.prompts import Message, render

_ROOT = Path(__file__).parent.parent
_TEMPLATE = _ROOT / "tandem" / "prompts" / "rag.jinja"
_WORDS = 220


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked at one time, and how long the answers are."""

    concurrent: int
    requests: int
    tokens: int


@dataclass
class _Seen:
    first_ms: list[float] = field(default_factory=list)
    between_ms: list[float] = field(default_factory=list)
    prompt_tokens: list[int] = field(default_factory=list)
    tokens: int = 0
    failed: list[str] = field(default_factory=list)


def prompts(count: int, passages: int, seed: int) -> Iterator[list[Message]]:
    """Prompts as Tandem sends them, of random passages of its own pages; each is another."""
    words = [text.read_text("utf-8").split() for text in sorted((_ROOT / "docs").glob("*.md"))]
    pieces = [" ".join(page[at : at + _WORDS]) for page in words for at in range(0, len(page), _WORDS)]
    questions = [line["question"] for line in read_lines(_ROOT / "eval" / "sets" / "tandem_docs.jsonl")]
    template, draw = _TEMPLATE.read_text("utf-8"), random.Random(seed)
    for _ in range(count):
        shown = [{"title": "", "section": None, "text": text} for text in draw.sample(pieces, passages)]
        yield render(
            template,
            question=draw.choice(questions),
            instructions="",
            history=[],
            passages=shown,
            fence=f"{draw.getrandbits(32):08x}",
            arranged=True,
        )


async def measure(
    http: httpx.AsyncClient, address: str, models: Sequence[str], asked: Sequence[list[Message]], load: Load
) -> dict[str, Any]:
    """Figures of one load, the requests spread over the models in turns.

    Every answer is of `load.tokens` tokens, whatever the model says. Raises `SystemExit` where none came.
    """
    seen, left = _Seen(), iter(enumerate(asked))

    async def one_stream() -> None:
        for number, messages in left:
            body = {
                "model": models[number % len(models)],
                "messages": messages,
                "max_tokens": load.tokens,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
                # Random weights end and hide tokens at random.
                "ignore_eos": True,
                "skip_special_tokens": False,
            }
            try:
                await _one(http, address, body, seen)
            except (httpx.HTTPError, KeyError, ValueError) as error:
                seen.failed.append(f"{type(error).__name__}: {error}")

    begun = time.perf_counter()
    await asyncio.gather(*(one_stream() for _ in range(load.concurrent)))
    seconds = time.perf_counter() - begun
    if not seen.first_ms:
        raise SystemExit(f"No answer came at {load.concurrent} requests at a time: {seen.failed[:1]}")
    return _figures(seen, load, len(asked), seconds)


async def _one(http: httpx.AsyncClient, address: str, body: dict[str, Any], seen: _Seen) -> None:
    begun, first, usage = time.perf_counter(), None, None
    async for event in events_of(http, address, body):
        if first is None and any(choice["delta"].get("content") for choice in event["choices"]):
            first = time.perf_counter()
        usage = event.get("usage") or usage
    if first is None or usage is None:
        raise ValueError(f"the stream ended without {'a token' if first is None else 'its usage'}")
    seen.first_ms.append((first - begun) * 1000)
    if usage["completion_tokens"] > 1:
        seen.between_ms.append((time.perf_counter() - first) * 1000 / (usage["completion_tokens"] - 1))
    seen.tokens += usage["completion_tokens"]
    seen.prompt_tokens.append(usage["prompt_tokens"])


def _figures(seen: _Seen, load: Load, requests: int, seconds: float) -> dict[str, Any]:
    return {
        "concurrent": load.concurrent,
        "requests": requests,
        "failed": len(seen.failed),
        "faults": seen.failed[:3],
        "seconds": round(seconds, 2),
        "prompt_tokens_median": statistics.median(seen.prompt_tokens),
        "tokens": seen.tokens,
        "tokens_per_s": round(seen.tokens / seconds, 1),
        "first_token_ms_p50": round(statistics.median(seen.first_ms), 1),
        "first_token_ms_p95": round(_p95(seen.first_ms), 1),
        "next_token_ms_p50": round(statistics.median(seen.between_ms or [0.0]), 2),
    }


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
