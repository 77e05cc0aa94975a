"""The queue before the embedder: nobody who asks is left waiting."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from ingest_parts import Parts

from ingest.batching import EmbeddingQueue
from tandem.index import Vector


async def test_who_asks_as_both_batches_end_is_served(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    real, both = parts.embedder.embed_documents, threading.Barrier(3)
    done: list[Sequence[str]] = []

    def together(texts: Sequence[str]) -> Vector:
        if len(done) < 2:
            both.wait(20)
        vectors: Vector = real(texts)
        done.append(texts)
        return vectors

    monkeypatch.setattr(parts.embedder, "embed_documents", together)
    queue = EmbeddingQueue(parts.live)

    async def ask_twice() -> None:
        await queue.embed(["lantern"])
        await queue.embed(["anchor"])

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(ask_twice())
        await asyncio.sleep(0)
        tasks.create_task(queue.embed(["harbour"]))
        await asyncio.to_thread(both.wait, 20)
        while len(done) < 2:
            time.sleep(0.01)  # noqa: ASYNC251 - the loop stands still, so that it hears of both ends in one turn
        time.sleep(0.1)  # noqa: ASYNC251
    assert done[2:] == [["anchor"]]
