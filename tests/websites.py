"""A real web server on this machine that stands where public names lead, and a record of what is dialled."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpcore

from ingest.egress import Egress

PUBLIC = "93.184.215.14"
OTHER = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
NAMES = {
    "example.org": [PUBLIC],
    "www.example.org": [PUBLIC, OTHER],
    "other.example": [OTHER],
    "xn--bcher-kva.example": [PUBLIC],
    "localhost": ["127.0.0.1", "::1"],
    "metadata.google.internal": ["169.254.169.254"],
    "inside.example": ["10.1.2.3"],
    "both.example": [PUBLIC, "192.168.1.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "unique.example": ["fd00:ec2::254"],
    "link.example": ["fe80::1"],
    "nat.example": ["64:ff9b::a9fe:a9fe"],
    "empty.example": [],
}


class LikeSystem:
    """A stand-in for the system's resolver: knows `NAMES`, and reads numbers as getaddrinfo does."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        name = host.lower().removesuffix(".")
        try:
            return [socket.inet_ntoa(socket.inet_aton(name))]
        except OSError:
            pass
        if name not in NAMES:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return NAMES[name]


@dataclass
class Recorder(httpcore.NetworkBackend):
    """Writes down every address that is dialled, and goes to a server of this machine instead."""

    port: int | None = None
    dialled: list[str] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.dialled.append(host)
        self.ports.add(port)
        if self.port is None:
            raise httpcore.ConnectError("nothing is here")
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.port, timeout)


Answer = tuple[int, dict[str, str], bytes]


class Site:
    """A web server whose pages are set by a test; a page may be a function that writes for itself."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def __setitem__(self, path: str, answer: Answer | Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.pages[path] = answer

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append((handler.path, headers))
        answer = self.pages.get(handler.path, (404, {}, b"nothing"))
        if callable(answer):
            answer(handler)
            return
        status, fields, content = answer
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **fields}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


@contextmanager
def website() -> Iterator[tuple[Site, int]]:
    """A running site and its port."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.handle(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def egress_to(recorder: Recorder, *, max_bytes: int = 1024 * 1024, timeout_s: float = 5.0) -> Egress:
    """An egress with the real checks, whose dialled addresses are written down."""
    return Egress(max_bytes=max_bytes, timeout_s=timeout_s, resolve=LikeSystem(), backend=recorder)
