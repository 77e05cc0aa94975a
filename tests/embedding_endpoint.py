"""An OpenAI-compatible embeddings endpoint on 127.0.0.1, with the real local embedder behind it.

`faults` are answers that it gives first, before it serves again: fakes of what real servers do on bad days.
"""

import base64
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tandem.embedding import Embedder

KEY = "the-key"
Fault = tuple[int, bytes, dict[str, str]]


class Endpoint:
    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.faults: deque[Fault] = deque()
        self.requests: list[dict[str, Any]] = []
        self.as_base64 = True
        self.address = ""
        self.running = self.most_running = 0
        self.lock = threading.Lock()
        self.hold: threading.Barrier | None = None

    def fault(self, status: int, body: object = b"", **headers: str) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.faults.append(
            (status, content, {name.replace("_", "-"): text for name, text in headers.items()})
        )

    def answer(self, body: dict[str, Any], key: str) -> Fault:
        if key != f"Bearer {KEY}":
            return 401, b'{"error": "no such key"}', {}
        with self.lock:
            self.requests.append(body)
            fault = self.faults.popleft() if self.faults else None
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            if self.hold is not None:
                self.hold.wait(30)
            return fault or self._serve(body)
        finally:
            with self.lock:
                self.running -= 1

    def _serve(self, body: dict[str, Any]) -> Fault:
        if body["model"] != "minilm":
            return 404, b'{"error": "no such model"}', {}
        if any(self.embedder.count_tokens(text) > self.embedder.max_tokens for text in body["input"]):
            return 400, b'{"error": "longer than the model reads"}', {}  # as vLLM does
        return 200, json.dumps(self._embeddings(body)).encode(), {}

    def _embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        vectors = self.embedder.embed_documents(body["input"])
        rows = [
            {
                "object": "embedding",
                "index": place,
                "embedding": base64.b64encode(vector.tobytes()).decode()
                if self.as_base64
                else vector.tolist(),
            }
            for place, vector in enumerate(vectors)
        ]
        # The order of the list is not promised; only `index` is.
        return {"object": "list", "model": body["model"], "data": rows[::-1]}


@contextmanager
def serving(embedder: Embedder) -> Iterator[Endpoint]:
    endpoint = Endpoint(embedder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(200, json.dumps({"data": [{"id": "minilm", "max_model_len": 256}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*endpoint.answer(body, self.headers.get("Authorization", "")))

        def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
