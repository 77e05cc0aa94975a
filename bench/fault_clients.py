"""A scripted engine and a `tandem up` before it, as processes; and clients that ask, or leave."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.faulty_engine import FAT, TRUE, WRONG
from bench.overhead import free_port

ASKED = "When does the Quorvex gate close?"
WHERE = ("before headers", "streamed", "whole", "in the send")
"""Phases in which a client leaves."""

_START_S = 240
_REQUEST_BYTES = 2**14


@dataclass
class ScriptedEngine:
    """The process of a scripted engine, which can be killed and started again on the same port."""

    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Return when it serves."""
        command = [sys.executable, "-m", "bench.faulty_engine", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: httpx.get(f"{self.url}/health", trust_env=False).is_success, 30)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Let it stand still: the system goes on to accept connections for it, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def does(self, mode: str, **options: object) -> None:
        """How the chats from now on go."""
        body = {"mode": mode, **options}
        httpx.post(f"{self.url}/fault", json=body, trust_env=False).raise_for_status()

    def asked(self) -> list[dict[str, Any]]:
        """Every chat so far."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/asked", trust_env=False, timeout=60).json()
        return found


@contextmanager
def scripted_engine() -> Iterator[ScriptedEngine]:
    """One that serves, until the block ends."""
    engine = ScriptedEngine()
    engine.start()
    try:
        yield engine
    finally:
        engine.kill()


@dataclass
class Served:
    """A running `tandem up`."""

    process: "subprocess.Popen[bytes]"
    port: int
    data_dir: Path
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def metric(self, name: str) -> float:
        """The value of a metric without labels, or the sum over them."""
        page = httpx.get(f"{self.url}/metrics", trust_env=False, timeout=30).text
        lines = (line for line in page.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


@contextmanager
def served_with(engine: ScriptedEngine, folder: Path, **settings: object) -> Iterator[Served]:
    """A Tandem on this engine, ready, with one document that says TRUE; `settings` are variables' ends."""
    quick = {
        "ENGINE__ADDRESS": engine.url,
        "ENGINE__FIRST_TOKEN_TIMEOUT_S": 0.5,
        "ENGINE__TOKEN_TIMEOUT_S": 0.5,
        "ENGINE__BREAKER_RETRY_S": 1,
        "ANSWER__EVIDENCE": 0,
        "IDENTITY__REQUIRED": "false",
    }
    port, data_dir, log = free_port(), folder / "data", folder / "up.log"
    named = {f"TANDEM_{name}": str(value) for name, value in (quick | settings).items()}
    named |= {"TANDEM_DATA_DIR": str(data_dir), "TANDEM_SERVER__PORT": str(port), "NO_COLOR": "1"}
    own = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tandem", "up", "--no-demo"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=own | named, stdout=out, stderr=subprocess.STDOUT)
    server = Served(process, port, data_dir, log)
    try:
        until(lambda: httpx.get(f"{server.url}/readyz", trust_env=False).is_success, _START_S)
        file = {"file": ("gate.md", f"# Rules\n\n{TRUE}\n".encode())}
        address = f"{server.url}/api/corpora/rules/documents"
        httpx.post(address, files=file, trust_env=False, timeout=60).raise_for_status()
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@dataclass
class Reply:
    """What a client got, and how long that took."""

    status: int
    seconds: float
    text: str = ""
    tandem: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    whole: bool = False
    """Whether the answer was ended as it should."""

    @property
    def is_degraded(self) -> bool:
        """Passages in place of an answer, and cited."""
        return bool(self.tandem.get("degraded")) and f"“{TRUE}”" in self.text and "[1]" in self.text

    @property
    def is_full(self) -> bool:
        """What the documents say, in the model's words, whole."""
        said = self.text.replace("[1]", "").strip()
        return self.whole and not self.tandem.get("degraded") and said == TRUE

    @property
    def is_honest(self) -> bool:
        """An answer, passages or a typed error; never an invention."""
        return WRONG not in self.text and (self.error is not None or self.is_degraded or self.is_full)

    @property
    def outcome(self) -> str:
        """In one word or two."""
        if self.is_degraded:
            return "degraded"
        return self.error or ("full" if self.is_full else "unexpected")

    def read(self, line: str) -> None:
        """Take a line of a stream."""
        if line == "data: [DONE]":
            self.whole = True
        elif line.startswith("data: "):
            event = json.loads(line.removeprefix("data: "))
            if "error" in event:
                self.error = event["error"]["type"]
            for choice in event.get("choices", ()):
                self.text += choice["delta"].get("content") or ""
            self.tandem = event.get("tandem", self.tandem)


def ask(url: str, *, stream: bool, model: str = "tandem:rag", **more: object) -> Reply:
    """One question, whatever comes of it."""
    body = {"model": model, "messages": [{"role": "user", "content": ASKED}], "stream": stream, **more}
    begun = time.monotonic()
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        response = http.post("/v1/chat/completions", json=body)
    reply = Reply(response.status_code, time.monotonic() - begun)
    if stream and response.is_success:
        for line in response.text.splitlines():
            reply.read(line)
        return reply
    said = response.json()
    if "error" in said:
        reply.error = said["error"]["type"]
    else:
        reply.text, reply.tandem = said["choices"][0]["message"]["content"] or "", said["tandem"]
        reply.whole = True
    return reply


@dataclass(frozen=True)
class Left:
    """A client that left: its number, the phase, and the machine's monotonic seconds."""

    ref: int
    where: str
    at: float


async def leave(port: int, ref: int, rng: random.Random) -> Left:
    """Ask over a raw connection and close it, at a random moment of the phase that the number says."""
    where = WHERE[ref % len(WHERE)]
    writer, reader = await _sent(port, ref, where, rng)
    if where == "before headers":
        await asyncio.sleep(rng.uniform(0, 0.1))
    elif where == "streamed":
        for _ in range(rng.randrange(3, 40)):
            await reader.readline()
    elif where == "whole":
        await asyncio.sleep(rng.uniform(0.1, 0.6))
    else:  # nothing is read, until the server cannot send
        await asyncio.sleep(rng.uniform(0.4, 1.0))
    writer.transport.abort()
    return Left(ref, where, time.monotonic())


async def _sent(
    port: int, ref: int, where: str, rng: random.Random
) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    fat = where == "in the send"
    body = {
        "model": "tandem:base" if fat else rng.choice(("tandem:base", "tandem:rag")),
        "messages": [{"role": "user", "content": f"{ASKED} ref-{ref}"}],
        "stream": fat or where == "streamed" or (where == "before headers" and rng.random() < 0.5),
        "max_tokens": FAT if fat else 3_000,
    }
    if where == "streamed":
        body["model"] = "tandem:base"  # of which every token is sent on
    data = json.dumps(body).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    )
    mine = socket.socket()
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096 if fat else 65_536)
    mine.setblocking(False)
    await asyncio.get_running_loop().sock_connect(mine, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=mine, limit=_REQUEST_BYTES)
    writer.write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
    await writer.drain()
    return writer, reader


def told_after(left: Sequence[Left], asked: Sequence[dict[str, Any]]) -> dict[int, float | None]:
    """Seconds from a client's leaving until the engine saw it, by the client's number; `None` where it never did.

    Who left before the engine was asked counts from when it was asked, and 0 where it never was.
    """
    by_ref = {one["ref"]: one for one in asked}
    found: dict[int, float | None] = {}
    for one in left:
        record = by_ref.get(one.ref)
        if record is None:
            found[one.ref] = 0.0
        elif record["left"] is None:
            found[one.ref] = None
        else:
            found[one.ref] = max(0.0, record["left"] - max(one.at, record["came"]))
    return found


def until(holds: Any, seconds: float) -> float:
    """Seconds until `holds()` is true. A server that cannot be reached is asked again."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        with suppress(httpx.TransportError):
            if holds():
                return time.monotonic() - begun
        time.sleep(0.05)
    raise TimeoutError(f"not within {seconds:g} s")
