"""The whole application behind a real socket, in a thread of its own with its own event loop."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from fake_vllm import FakeVllm

from server.app import create_app
from tandem.settings import AnswerSettings, EngineSettings, IdentitySettings, Settings


@contextmanager
def served(fake: FakeVllm, folder: Path) -> Iterator[str]:
    """Its address, once it answers questions."""
    settings = Settings(
        data_dir=folder,
        engine=EngineSettings(address=fake.address, retries=0),
        answer=AnswerSettings(evidence=0.2),
        identity=IdentitySettings(required=False),
    )
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="warning", lifespan="on")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        while httpx.get(f"{url}/readyz", trust_env=False, timeout=60).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def put(url: str, name: str, text: str, corpus: str) -> str:
    """Ingest a text; returns the document's id."""
    file = {"file": (name, text.encode())}
    response = httpx.post(f"{url}/api/corpora/{corpus}/documents", files=file, trust_env=False, timeout=60)
    assert response.is_success, response.text
    known: str = response.json()["document_id"]
    return known
