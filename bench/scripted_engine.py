"""A scripted engine: it writes tokens at a fixed pace, and notes when each request came and what it sent when.

    python -m bench.scripted_engine PORT [--first-ms 100] [--token-ms 100] [--tokens 50]

It stands in for vLLM where load is measured: a real model would be what is measured. It has no queue of its own and
any number of answers side by side. It quotes sentences of the prompt, so that Tandem has something to cite; a token
is a word. It speaks so much of HTTP as Tandem's client needs, straight on the connection, to take little of the
machine that it shares with what is measured.
"""

import argparse
import asyncio
import json
import re
import time
from dataclasses import dataclass
from typing import cast

SENTENCE = re.compile(r"[A-Z][a-z]+(?: [a-z]+){9}\.")
"""What it quotes: the sentences that `bench.load` writes into its documents."""
MARK = re.compile(r"\bcase (\d+)\b")
"""The number of a question, in its words."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds to the first token, and between two; and how many there are."""

    first_ms: float
    token_ms: float
    tokens: int


class Notes:
    """What happened. `answers` holds for each case: its arrival, and when its first sentence was out."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, int]] = {}
        self.running = 0
        self.most = 0
        self.done = 0
        self.left = 0


class Engine(asyncio.Protocol):
    """One connection; an answer at a time."""

    def __init__(self, pace: Pace, notes: Notes) -> None:
        self._pace, self._notes = pace, notes
        self._received = b""
        self._next: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def connection_lost(self, exc: Exception | None) -> None:
        if self._next is not None:
            self._next.cancel()
            self._notes.running -= 1
            self._notes.left += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not separator or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        path = head.split(b" ", 2)[1]
        if path == b"/v1/chat/completions":
            self._begin(json.loads(body))
        elif path == b"/v1/models":
            card = {"id": "base", "object": "model", "created": 0, "owned_by": "scripted"}
            self._reply({"object": "list", "data": [card]})
        elif path == b"/notes":
            self._reply(vars(self._notes))
        else:
            self._reply({})

    def _reply(self, value: object) -> None:
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def _begin(self, asked: dict[str, object]) -> None:
        arrived = time.monotonic_ns()
        prompt = json.dumps(asked["messages"])
        quoted = list(dict.fromkeys(SENTENCE.findall(prompt))) or ["I don't know."]
        words = " ".join(quoted).split()[: self._pace.tokens]
        self._words = [f"{' ' if n else ''}{word}" for n, word in enumerate(words)]
        # A sentence is certain to have ended when the next one begins, or the answer is over.
        self._shown_at = min(len(quoted[0].split()), len(words) - 1)
        marks = MARK.findall(prompt)
        self._case, self._arrived = marks[-1] if marks else "", arrived
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        self._notes.running += 1
        self._notes.most = max(self._notes.most, self._notes.running)
        self._due = asyncio.get_running_loop().time() + self._pace.first_ms / 1000
        self._next = asyncio.get_running_loop().call_at(self._due, self._write, 0)

    def _write(self, number: int) -> None:
        if number == self._shown_at:
            self._notes.answers[self._case] = (self._arrived, time.monotonic_ns())
        written = number + 1
        usage = {"prompt_tokens": 900, "completion_tokens": written, "total_tokens": 900 + written}
        self._event({"role": "assistant", "content": self._words[number]}, None, usage)
        if written < len(self._words):
            self._due += self._pace.token_ms / 1000
            self._next = asyncio.get_running_loop().call_at(self._due, self._write, written)
            return
        self._event({}, "stop", usage)
        self._chunk(b"data: [DONE]\n\n")
        self._transport.write(b"0\r\n\r\n")
        self._next = None
        self._notes.running -= 1
        self._notes.done += 1

    def _event(self, delta: dict[str, str], reason: str | None, usage: dict[str, int]) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "base"}
        self._chunk(b"data: " + json.dumps(head | {"choices": [choice], "usage": usage}).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))


async def serve(port: int, pace: Pace) -> None:
    """Serve until cancelled."""
    notes = Notes()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Engine(pace, notes), "127.0.0.1", port, backlog=4_096)
    await server.serve_forever()


def main() -> None:
    """Serve on the port of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("--first-ms", type=float, default=100)
    parser.add_argument("--token-ms", type=float, default=100)
    parser.add_argument("--tokens", type=int, default=50)
    given = parser.parse_args()
    import uvloop

    uvloop.run(serve(given.port, Pace(given.first_ms, given.token_ms, given.tokens)))


if __name__ == "__main__":
    main()
