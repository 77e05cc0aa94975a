"""A fake vLLM on the standard library, for faults that a real one does not have at will.

In a test it does for each chat what `plays` says next (the last play is for all that follow). As a
program it takes vLLM's command line, and from `--fake NAME` how it fails.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zlib import crc32

Play = Callable[["Handler"], None]


def event(text: str | None, reason: str | None = None, written: int | None = None) -> bytes:
    """A chunk of a stream; with the tokens `written` so far, as vLLM tells them where it is asked to."""
    delta = {} if text is None else {"role": "assistant", "content": text}
    fields: dict[str, object] = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    return line(fields if written is None else fields | usage(written))


def usage(written: int) -> dict[str, object]:
    counts = {"prompt_tokens": 7, "completion_tokens": written, "total_tokens": 7 + written}
    return {"usage": counts}


def line(fields: object) -> bytes:
    head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "base"}
    body = head | fields if isinstance(fields, dict) and "error" not in fields else fields
    return b"data: " + json.dumps(body).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def say(*texts: str) -> Play:
    """A whole answer, as vLLM streams it: each text is one token."""
    told = [event(text, written=count) for count, text in enumerate(texts, start=1)]
    last = line({"choices": []} | usage(len(texts)))
    events = [event(""), *told, event(None, "stop"), last, DONE]
    return lambda handler: handler.stream(*events)


def cut_after(*texts: str) -> Play:
    """The connection is closed in the middle of the answer, and of an HTTP chunk."""

    def play(handler: "Handler") -> None:
        handler.stream(event(""), *map(event, texts), end=False)
        handler.wfile.write(b"ff\r\nbroken")

    return play


def send(*events: bytes) -> Play:
    return lambda handler: handler.stream(*events)


def refuse(status: int, body: object, **headers: str) -> Play:
    return lambda handler: handler.reply(status, body, **headers)


def hang_after(*texts: str) -> Play:
    """Some text and then nothing, until the test ends."""

    def play(handler: "Handler") -> None:
        handler.stream(event(""), *map(event, texts), end=False)
        handler.server.ended.wait(30)

    return play


def after_computing(seconds: float, play: Play) -> Play:
    """What it does once it has computed for so long."""

    def busy(handler: "Handler") -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        play(handler)

    return busy


def endless(handler: "Handler") -> None:
    """Text until the client goes away, of which the fake takes note."""
    handler.stream(event(""), end=False)
    try:
        for _ in range(3_000):
            handler.chunk(event("x"))
            time.sleep(0.01)
    except OSError:
        handler.server.left.set()


def told_by_words(handler: "Handler") -> None:
    """A word that came before in the prompt surprises less. Its number is a checksum."""
    choices = []
    for place, prompt in enumerate(handler.asked["prompt"]):
        words = re.findall(r"\w+|[^\w\s]", prompt)
        said = [None] + [
            {str(crc32(word.encode())): {"logprob": -1.0 if word in words[:n] else -5.0, "rank": 1}}
            for n, word in enumerate(words)
            if n
        ]
        choices.append({"index": place, "text": "", "prompt_logprobs": said})
    handler.reply(200, {"id": "c", "model": handler.asked["model"], "choices": choices})


class FakeVllm(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # as many may come at once as a test likes

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.plays: list[Play] = [say("Hello", " there")]
        self.requests: list[dict[str, Any]] = []
        self.prompts: list[str] = []
        """Those that were to be completed, beside the chats."""
        self.completes: Play | None = None
        self.adapters: dict[str, str] = {}
        self.load_fault: tuple[int, object] | None = None
        self.loads: list[str] = []
        self.may_load = threading.Event()
        self.may_load.set()
        self.healthy = True
        self.health: list[Play] = []
        """What it does with each request for its health, the last for all that follow; none for what `healthy` says."""
        self.looked_at = 0
        self.left = threading.Event()
        self.ended = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that goes away is no fault
            super().handle_error(request, client_address)

    @classmethod
    @contextmanager
    def serving(cls) -> Iterator["FakeVllm"]:
        with cls() as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            yield server
            server.ended.set()
            server.shutdown()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeVllm
    asked: dict[str, Any]
    """Body of the request that is being answered."""

    def do_GET(self) -> None:
        if self.path == "/health":
            self.server.looked_at += 1
            plays = self.server.health or [refuse(200 if self.server.healthy else 503, b"")]
            (plays.pop(0) if len(plays) > 1 else plays[0])(self)
        elif self.path == "/v1/models":
            cards = [{"id": "base", "parent": None}]
            cards += [{"id": name, "parent": "base", "root": at} for name, at in self.server.adapters.items()]
            own = {"object": "model", "created": 0, "owned_by": "vllm"}
            self.reply(200, {"object": "list", "data": [card | own for card in cards]})
        else:
            self.reply(404, {"error": {"message": self.path}})

    def do_POST(self) -> None:
        body = self.asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        adapters = self.server.adapters
        if self.path == "/v1/chat/completions":
            self.server.requests.append(body)
            plays = self.server.plays
            if "@" in body["model"] and body["model"] not in adapters:
                self.reply(404, {"error": {"message": f"no model {body['model']}", "code": 404}})
                return
            (plays.pop(0) if len(plays) > 1 else plays[0])(self)
        elif self.path == "/v1/completions":
            self.server.prompts.extend(body["prompt"])
            (self.server.completes or told_by_words)(self)
        elif self.path == "/v1/load_lora_adapter" and self.server.load_fault:
            self.reply(*self.server.load_fault)
        elif self.path == "/v1/load_lora_adapter" and body["lora_name"] not in adapters:
            self.server.loads.append(body["lora_name"])
            self.server.may_load.wait(30)
            adapters[body["lora_name"]] = body["lora_path"]
            self.reply(200, b"Success")
        elif self.path == "/v1/unload_lora_adapter" and adapters.pop(body["lora_name"], None):
            self.reply(200, b"Success")
        elif self.path == "/tokenize":
            self.reply(200, {"count": len(body["prompt"].split()), "max_model_len": 9, "tokens": []})
        else:
            status = 404 if "unload" in self.path else 400
            self.reply(status, {"error": {"message": f"no: {body['lora_name']}", "code": status}})

    def reply(self, status: int, body: object, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if not isinstance(body, bytes):
            self.send_header("content-type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, *events: bytes, end: bool = True) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for data in events:
            self.chunk(data)
        if end:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def chunk(self, data: bytes) -> None:
        """The events call the model `base`; vLLM calls it as it was asked."""
        data = data.replace(b'"model": "base"', b'"model": ' + json.dumps(self.asked["model"]).encode())
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


def main(arguments: list[str]) -> None:
    mode = arguments[arguments.index("--fake") + 1] if "--fake" in arguments else ""
    print("fake vllm starts:", json.dumps(arguments), flush=True)
    print("environment:", json.dumps(dict(os.environ)), flush=True)
    if mode == "dies":
        print("ValueError: the weights are missing", flush=True)
        sys.exit(3)
    if mode == "dies-once" and not Path("died").exists():
        Path("died").touch()
        sys.exit(1)
    if mode == "child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(f"child: {child.pid}", flush=True)
    server = FakeVllm(int(arguments[arguments.index("--port") + 1]))
    server.healthy = mode != "sick"
    if mode == "busy":
        server.plays = [after_computing(2.0, say("Hello", " there"))]
        server.health = [refuse(200, b""), after_computing(1.0, refuse(200, b""))]
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
