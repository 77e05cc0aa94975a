"""A fake judge on the standard library: speaks OpenAI's API, and says what a test has it say, or fails.

Without a script it replies in the form that is asked for, by the content of the prompt alone: the same prompt
always gets the same reply, whoever asks.
"""

import json
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Script = Callable[[str, dict[str, Any]], object]
"""Takes the prompt and the schema of the reply; returns the reply, or raises `Fault`."""

_SCHEMA = "as specified in JSON Schema:\n"
_SCALES = {
    "AnswerAccuracyOutput": (0, 2, 4),
    "ContextRelevanceOutput": (0, 1, 2),
    "ResponseGroundednessOutput": (0, 1, 2),
}


class Fault(Exception):  # noqa: N818  # it is played, not made
    """Not a reply: a status, raw text in its place, or nothing for some seconds."""

    def __init__(self, status: int = 200, raw: str = "", wait_s: float = 0, reason: str = "stop") -> None:
        self.status, self.raw, self.wait_s, self.reason = status, raw, wait_s, reason


def by_content(prompt: str, schema: dict[str, Any]) -> object:
    """A reply of the form, drawn by the hash of the prompt; as many verdicts as there are statements."""
    rng = random.Random(sha256(prompt.encode()).digest())
    statements = input_of(prompt).get("statements")
    return _drawn(schema, schema, rng, len(statements) if isinstance(statements, list) else None, "")


def input_of(prompt: str) -> dict[str, Any]:
    """What a prompt of Ragas asks about."""
    found = list(re.finditer(r"[Ii]nput:\s*(?=\{)", prompt))
    if not found:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(prompt, found[-1].end())
    except ValueError:
        return {}
    return value


def _drawn(
    part: dict[str, Any], root: dict[str, Any], rng: random.Random, many: int | None, name: str
) -> object:
    if "$ref" in part:
        return _drawn(root["$defs"][part["$ref"].rpartition("/")[2]], root, rng, many, name)
    if "enum" in part:
        return rng.choice(part["enum"])
    match part.get("type"):
        case "object":
            return {each: _drawn(kind, root, rng, many, each) for each, kind in part["properties"].items()}
        case "array":
            return [_drawn(part["items"], root, rng, None, name) for _ in range(many or rng.randint(1, 3))]
        case "integer" if name == "rating":
            return rng.choice(_SCALES[root["title"]])
        case "integer":
            return rng.randint(0, 1)
        case _:
            return f"{name} {rng.randint(0, 999)}"


class FakeJudge(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, script: Script = by_content) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.root = "weights-1"
        self.models = ["fake-judge"]
        self.asked: list[dict[str, Any]] = []
        self.answered: Counter[str] = Counter()
        """Prompts that got a whole reply, and how often."""
        self.hangs_from: int | None = None
        """From this reply on there is none, until the end."""
        self.at_once = self.most_at_once = 0
        self.wait_s = 0.0
        self.lock = threading.Lock()
        self.ended = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @classmethod
    @contextmanager
    def serving(cls, script: Script = by_content) -> Iterator["FakeJudge"]:
        with cls(script) as server:
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            yield server
            server.ended.set()
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: FakeJudge

    def do_GET(self) -> None:
        cards = [
            {
                "id": name,
                "object": "model",
                "created": int(time.time()),
                "owned_by": "tests",
                "root": self.server.root,
            }
            for name in self.server.models
        ]
        self._reply(200, {"object": "list", "data": cards})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server = self.server
        with server.lock:
            server.asked.append(body)
            number = len(server.asked)
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            if server.hangs_from is not None and number >= server.hangs_from:
                server.ended.wait(60)
                return
            time.sleep(server.wait_s)
            self._answer(body)
        finally:
            with server.lock:
                server.at_once -= 1

    def _answer(self, body: dict[str, Any]) -> None:
        prompt = next(each["content"] for each in body["messages"] if each["role"] == "user")
        reason = "stop"
        try:
            text = json.dumps(self.server.script(prompt, _schema_of(prompt, body)))
        except Fault as fault:
            self.server.ended.wait(fault.wait_s)
            if fault.status != 200:
                self._reply(fault.status, {"error": {"message": f"fake fault {fault.status}"}})
                return
            text, reason = fault.raw, fault.reason
        with self.server.lock:
            self.server.answered[prompt] += 1
        message = {"role": "assistant", "content": text}
        self._reply(
            200,
            {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            },
        )

    def _reply(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


def _schema_of(prompt: str, body: dict[str, Any]) -> dict[str, Any]:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return dict(wanted["json_schema"]["schema"])
    if _SCHEMA in prompt:
        return dict(json.JSONDecoder().raw_decode(prompt, prompt.index(_SCHEMA) + len(_SCHEMA))[0])
    system = next(each["content"] for each in body["messages"] if each["role"] == "system")
    return dict(json.JSONDecoder().raw_decode(system, system.index("{"))[0])
