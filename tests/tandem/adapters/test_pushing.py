"""The hub's library against a hub of our own, for there is no network in a test."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tiny_adapter import facts_of

from tandem.adapters import AdapterRegistry, AdapterVersion
from tandem.adapters.pushing import push_adapter
from tandem.errors import InvalidRequestError, TandemError, UnavailableError

TOKEN = "hf_" + "s" * 34


class FakeWritableHub(BaseHTTPRequestHandler):
    """A hub that takes a repository: makes it, says how each file is to come, and keeps one commit."""

    repositories: dict[str, bool]
    files: dict[str, bytes]
    stored: dict[str, bytes]
    tokens: set[str]
    refuses = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.tokens.add(self.headers.get("Authorization", ""))
        path = self.path.partition("?")[0]
        if self.refuses:
            self._send({"error": "no"}, self.refuses)
        elif path == "/api/repos/create":
            asked = json.loads(body)
            self.repositories[f"{asked['organization']}/{asked['name']}"] = asked.get(
                "private", asked.get("visibility") == "private"
            )
            self._send({"url": f"{self._url()}/ada/mine"})
        elif path == "/api/validate-yaml":
            self._send({"errors": [], "warnings": []})
        elif path.endswith("/preupload/main"):
            mode = {True: "lfs", False: "regular"}
            files = [
                {
                    "path": one["path"],
                    "uploadMode": mode[one["path"].endswith(".safetensors")],
                    "shouldIgnore": False,
                }
                for one in json.loads(body)["files"]
            ]
            self._send({"files": files})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                one | {"actions": {"upload": {"href": f"{self._url()}/store/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            self._send({"transfer": "basic", "objects": objects})
        elif path.endswith("/commit/main"):
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    self.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    self.files[value["path"]] = self.stored[value["oid"]]
            self._send(
                {
                    "commitUrl": f"{self._url()}/ada/mine/commit/{'c' * 40}",
                    "commitOid": "c" * 40,
                    "success": True,
                }
            )
        else:
            self._send({}, 404)

    def do_PUT(self) -> None:
        self.stored[self.path.rpartition("/")[2]] = self.rfile.read(int(self.headers["Content-Length"]))
        self._send({})

    def do_GET(self) -> None:
        self._send({"id": "ada/mine", "sha": "c" * 40, "siblings": []})

    def do_HEAD(self) -> None:
        self._send({}, 404)

    def _url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _send(self, content: dict[str, object], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import huggingface_hub.constants

    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    for name, value in (
        ("repositories", {}),
        ("files", {}),
        ("stored", {}),
        ("tokens", set()),
        ("refuses", 0),
    ):
        monkeypatch.setattr(FakeWritableHub, name, value, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeWritableHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def version(here: AdapterRegistry, base: Path, adapter: Path) -> AdapterVersion:
    facts = facts_of(base, base="hub:meta/tiny", metrics={"f1": 0.25})
    return here.register(adapter, name="mine", facts=facts, author="ada")


def test_the_files_of_a_version_come_to_the_hub_with_its_card_as_the_readme(
    here: AdapterRegistry, version: AdapterVersion, hub: str
):
    steps: list[str] = []
    address = push_adapter(here, version, "hub:ada/mine", steps.append, private=True, endpoint=hub)
    assert address.startswith(f"{hub}/ada/mine/commit/")
    assert FakeWritableHub.repositories == {"ada/mine": True}
    folder = here.folder_of(version)
    names = {name: "README.md" if name == "card.md" else name for name in version.files}
    assert FakeWritableHub.files == {goal: (folder / name).read_bytes() for name, goal in names.items()}
    assert b"base_model: meta/tiny" in FakeWritableHub.files["README.md"]
    assert FakeWritableHub.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in " ".join([*steps, address])


@pytest.mark.parametrize(
    ("status", "kind"), [(401, InvalidRequestError), (403, InvalidRequestError), (400, UnavailableError)]
)
def test_a_hub_that_refuses_is_told_without_the_token(
    here: AdapterRegistry, version: AdapterVersion, hub: str, status: int, kind: type[TandemError],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(FakeWritableHub, "refuses", status)
    with pytest.raises(kind) as caught:
        push_adapter(here, version, "hub:ada/mine", print, endpoint=hub)
    assert caught.value.hint
    assert TOKEN not in caught.value.message
    assert FakeWritableHub.files == {}


def test_a_hub_out_of_reach_is_told(here: AdapterRegistry, version: AdapterVersion, hub: str):
    with pytest.raises(UnavailableError, match="cannot be reached"):
        push_adapter(here, version, "hub:ada/mine", print, endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize("to", ["ada/mine", "hub:mine", "hub:ada/mine@main", "pypi:x", "hub:../x"])
def test_what_is_no_repository_is_refused(here: AdapterRegistry, version: AdapterVersion, to: str):
    with pytest.raises(TandemError):
        push_adapter(here, version, to, print, endpoint="http://127.0.0.1:9")
