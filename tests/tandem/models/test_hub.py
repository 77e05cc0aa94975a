"""The hub's library against a hub of our own, for there is no network in a test."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tandem.errors import ModelSourceError, StorageError
from tandem.models import HubSource
from tandem.models.hub import download_snapshot

COMMIT = "c" * 40
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": b"weights" * 100,
    "1_Pooling/config.json": b"{}",
    "pytorch_model.bin": b"pickle",
    "modeling_own.py": b"print('code')",
    "README.md": b"words",
}


class FakeHub(BaseHTTPRequestHandler):
    """The three questions that the library asks: which commit, which files, and a file."""

    fetched: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/owner/name/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": _id(content)}
                for name, content in FILES.items()
            ]
            self._send(json.dumps(tree).encode())
        elif path.startswith("/api/models/owner/name"):
            siblings = [{"rfilename": name} for name in FILES]
            self._send(json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": siblings}).encode())
        elif path.startswith(f"/owner/name/resolve/{COMMIT}/"):
            name = path.removeprefix(f"/owner/name/resolve/{COMMIT}/")
            if self.command == "GET":
                self.fetched.append(name)
            self._send(FILES[name])
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{_id(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def _id(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(FakeHub, "fetched", [], raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _download(name: str, folder: Path, endpoint: str) -> tuple[str, list[str]]:
    steps: list[str] = []
    commit = download_snapshot(HubSource(name), folder, steps.append, endpoint=endpoint)
    return commit, steps


def test_safetensors_and_settings_are_fetched_but_no_pickle_and_no_code(hub: str, tmp_path: Path):
    commit, steps = _download("owner/name", tmp_path, hub)
    assert commit == COMMIT
    there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in there if not name.startswith(".cache")} == {
        "config.json",
        "model.safetensors",
        "1_Pooling/config.json",
    }
    assert (tmp_path / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert "3 files" in steps[0]


def test_what_has_arrived_is_not_fetched_again(hub: str, tmp_path: Path):
    _download("owner/name", tmp_path, hub)
    (tmp_path / "config.json").unlink()
    FakeHub.fetched.clear()
    _download("owner/name", tmp_path, hub)
    assert FakeHub.fetched == ["config.json"]


def test_a_repository_that_the_hub_does_not_have_is_named(hub: str, tmp_path: Path):
    with pytest.raises(ModelSourceError, match="owner/other") as caught:
        _download("owner/other", tmp_path, hub)
    assert caught.value.hint


def test_a_hub_out_of_reach_is_a_model_source_error(tmp_path: Path):
    with pytest.raises(ModelSourceError, match="cannot be fetched") as caught:
        _download("owner/name", tmp_path, "http://127.0.0.1:9")
    assert "network" in str(caught.value.hint)


def test_a_disk_too_small_is_told_before_the_download(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1024})())
    with pytest.raises(StorageError, match="needed"):
        _download("owner/name", tmp_path, hub)
    assert FakeHub.fetched == []
