"""How long a question takes to reach the engine, less its embedding, with 100,000 chunks indexed.

    python -m bench.overhead [--chunks 100000] [--requests 300] [--haystack-python PATH]

The server is a real `tandem up`; the engine is a fake that notes when a request arrives. Overhead is the
time from sending the request to its arrival at the engine, less the `embed` step: HTTP, validation, the
hybrid query, the check against the store, the evidence and the prompt. The chunks' words and vectors are
random, for only their number matters here. The limits are 5 ms at the median and 20 ms at the 99th percentile.

The medians of the steps say where the time goes; `http` is what stands outside the answer, from the client to
the question and from the prompt to the engine.

LlamaIndex and Haystack follow, in a process each (`bench.overhead_peers`): in their in-memory default, without
HTTP. Haystack is not among Tandem's packages: name the Python of an environment that has it.
"""

import argparse
import asyncio
import http.client as http_client
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.machine import machine
from tandem.embedding import load_embedder
from tandem.index import open_index
from tandem.settings import Settings, read_settings
from tandem.store import open_store
from tandem.vocabulary import Chunk, Document, chunk_id

LIMITS_MS = {"median": 5.0, "p99": 20.0}
_PER_DOCUMENT = 100
_WARM_UP = 20
_WORDS = [
    f"{first}{second}{third}" for first in "bdklmn" for second in ("ar", "el", "ir", "on") for third in "aeou"
]
_STEPS = ("condense", "embed", "retrieve", "evidence", "assemble")
_RESULT = Path(__file__).parent / "results" / "overhead.json"


def main() -> None:
    """Measure, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--haystack-python", default=sys.executable)
    parser.add_argument("--peer-requests", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine_port, port = free_port(), free_port()
        os.environ |= {
            "TANDEM_DATA_DIR": folder,
            "TANDEM_ENGINE__ADDRESS": f"http://127.0.0.1:{engine_port}",
            "TANDEM_SERVER__PORT": str(port),
            "TANDEM_IDENTITY__REQUIRED": "false",
            "TANDEM_ANSWER__EVIDENCE": "0",  # every question reaches the engine
        }
        asyncio.run(_fill(read_settings(), arguments.chunks))
        fake = [sys.executable, "-m", "bench.fake_engine", str(engine_port)]
        server = [sys.executable, "-m", "tandem", "up", "--no-demo"]
        with _running(fake), _running(server):
            figures = _measure(
                f"http://127.0.0.1:{port}", f"http://127.0.0.1:{engine_port}", arguments.requests
            )
    report: dict[str, Any] = {
        "command": "python -m bench.overhead",
        "machine": machine(),
        "chunks": arguments.chunks,
    } | figures
    print(json.dumps(figures), flush=True)
    for peer, python in (("llama_index", sys.executable), ("haystack", arguments.haystack_python)):
        report[f"{peer}_ms"] = _peer(peer, python, arguments.chunks, arguments.peer_requests)
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


async def _fill(settings: Settings, chunks: int) -> None:
    """Documents of 100 chunks each, with random words and random unit vectors."""
    rng, words = np.random.default_rng(0), random.Random(0)
    embedder = load_embedder(settings.embedding)
    store = open_store(settings.store, settings.data_dir)
    index = await open_index(
        settings.index, settings.data_dir, dimension=embedder.dimension, fingerprint=embedder.fingerprint
    )
    for number in range(chunks // _PER_DOCUMENT):
        texts = [" ".join(words.choices(_WORDS, k=110)) for _ in range(_PER_DOCUMENT)]
        document = Document(
            "default", "bench", f"{number}.txt", f"Document {number}", "text/plain", "\n".join(texts), "x"
        )
        store.begin_version(document, "v1")
        vectors = rng.standard_normal((len(texts), embedder.dimension)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        await index.upsert(_chunks(document, texts), vectors)
        store.commit_version(document.id, "v1", len(texts))
    await index.compact(at_once=True)  # as a job does at its end
    await index.close()
    store.close()
    embedder.close()


def _chunks(document: Document, texts: list[str]) -> list[Chunk]:
    chunks, start = [], 0
    for ordinal, text in enumerate(texts):
        chunks.append(
            Chunk(
                id=chunk_id(document.id, "v1", ordinal),
                tenant=document.tenant,
                corpus=document.corpus,
                document_id=document.id,
                version="v1",
                ordinal=ordinal,
                text=text,
                start=start,
                end=start + len(text),
                title=document.title,
                uri=document.uri,
            )
        )
        start += len(text) + 1
    return chunks


def _measure(url: str, engine: str, requests: int) -> dict[str, object]:
    words = random.Random(1)
    sent, steps = [], []
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        _wait_ready(http)
    # The standard library's client, which costs less of what is measured than others do.
    connection = http_client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    for number in range(requests + _WARM_UP):
        question = " ".join(words.choices(_WORDS, k=10))
        body = json.dumps({"messages": [{"role": "user", "content": question}]})
        begun = time.monotonic_ns()
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        reply = json.loads(connection.getresponse().read())
        if number >= _WARM_UP:
            sent.append(begun)
            steps.append(reply["tandem"]["timings"])
    connection.close()
    arrivals = httpx.get(f"{engine}/arrivals", trust_env=False).json()[_WARM_UP:]
    overhead = sorted(
        (arrival - begun) / 1e6 - step["embed"]
        for arrival, begun, step in zip(arrivals, sent, steps, strict=True)
    )
    for arrival, begun, step in zip(arrivals, sent, steps, strict=True):
        step["http"] = (arrival - begun) / 1e6 - step["before_engine"]
        step["between_steps"] = step["before_engine"] - sum(step[name] for name in _STEPS)
    medians = {
        name: round(statistics.median(step[name] for step in steps), 2)
        for name in (*_STEPS, "between_steps", "http")
    }
    return {
        "requests": requests,
        "overhead_ms": {
            "median": round(statistics.median(overhead), 2),
            "p90": round(overhead[int(0.9 * len(overhead))], 2),
            "p99": round(overhead[int(0.99 * len(overhead))], 2),
        },
        "limits_ms": LIMITS_MS,
        "median_step_ms": medians,
    }


def _peer(name: str, python: str, chunks: int, requests: int) -> dict[str, Any]:
    command = [python, "-m", "bench.overhead_peers", name]
    command += ["--chunks", str(chunks), "--requests", str(requests)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"skipped": (done.stderr.strip().splitlines() or ["it failed"])[-1]}
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _wait_ready(http: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if http.get("/readyz").status_code == 200:
                return
        time.sleep(0.2)
    raise SystemExit("the server did not become ready within 120 s")


@contextmanager
def _running(command: list[str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=sys.stderr) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
