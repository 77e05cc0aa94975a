"""A Tandem with its engine for a benchmark: started, filled, asked as a client asks, and stopped."""

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from bench.overhead import free_port
from bench.texts import read_lines

_START_S = 300


def prepared_model(folder: Path) -> str:
    """The folder of the default model, written to the data folder."""
    output = subprocess.run(
        [sys.executable, "-m", "tandem", "models", "prepare"],
        env=os.environ | {"TANDEM_DATA_DIR": str(folder)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return output.split()[-1]


@contextmanager
def tandem_up(folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """The address of a `tandem up` on `folder` that is ready; `settings` are variables of the environment."""
    port = free_port()
    environment = os.environ | {
        "TANDEM_IDENTITY__REQUIRED": "false",
        **settings,
        "TANDEM_DATA_DIR": str(folder),
        "TANDEM_SERVER__PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "tandem", "up", "--no-demo"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=sys.stderr) as process:
        try:
            _wait_ready(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(60)


def ingest(url: str, documents: Sequence[Mapping[str, str]]) -> None:
    """Put texts into the corpus `docs`."""
    with httpx.Client(base_url=url, timeout=300, trust_env=False) as http:
        for document in documents:
            text = f"{document['title']}\n\n{document['text']}"
            file = {"file": (f"{document['id']}.txt", text.encode())}
            http.post("/api/corpora/docs/documents", files=file).raise_for_status()


def questions_about(data: Path, documents: int) -> tuple[list[Any], list[str]]:
    """The documents with the most questions, and these questions, in an order that stays."""
    asked: dict[str, list[str]] = defaultdict(list)
    for name in ("questions.train.jsonl", "questions.dev.jsonl"):
        for line in read_lines(data / name):
            if line["answerable"]:
                asked[line["doc_ids"][0]].append(line["question"])
    most = sorted(asked, key=lambda known: (-len(asked[known]), known))[:documents]
    found = [one for one in read_lines(data / "corpus.jsonl") if one["id"] in most]
    questions = list(dict.fromkeys(question for known in most for question in asked[known]))
    random.Random(0).shuffle(questions)
    return found, questions


async def events_of(http: httpx.AsyncClient, address: str, body: Mapping[str, Any]) -> AsyncIterator[Any]:
    """The events of a streamed chat."""
    async with http.stream("POST", f"{address}/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                yield json.loads(line.removeprefix("data: "))


def _wait_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit("tandem up has ended")
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"the server did not become ready within {_START_S} s")
