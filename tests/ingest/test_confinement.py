"""What a parser gave up is gone for native code too: each layer is tried alone, and all of them together."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.child import ParserChildren
from tandem.settings import IngestSettings

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's")

# Native calls, as the code of a parser that was taken over would make them. Each prints 1 if it worked.
ATTEMPT = """
import ctypes, os, struct, sys, threading, types
from pathlib import Path
root, folder, port, layer = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
package = types.ModuleType("ingest"); package.__path__ = [str(root / "ingest")]; sys.modules["ingest"] = package
sys.path.append(str(root))
from ingest import confinement, landlock, seccomp
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
layers = {
    "all": lambda: confinement.confine(folder, []),
    "namespace": lambda: confinement._own_namespaces(libc),
    "landlock": lambda: landlock.restrict(libc, [Path("/usr"), Path("/lib")], [folder]),
    "seccomp": lambda: seccomp.restrict(libc),
    "none": lambda: True,
}
assert layers[layer]()
address = struct.pack("=H", 2) + struct.pack(">H", port) + bytes([127, 0, 0, 1]) + bytes(8)
opened = libc.socket(2, 1, 0)
print("connect", int(opened >= 0 and libc.connect(opened, address, 16) == 0))
print("read", int(libc.open(b"/etc/passwd", os.O_RDONLY) >= 0))
print("write", int(libc.open(bytes(folder.parent / "outside"), os.O_WRONLY | os.O_CREAT, 0o600) >= 0))
print("inside", int(libc.open(bytes(folder / "inside"), os.O_WRONLY | os.O_CREAT, 0o600) >= 0))
child = libc.fork()
if child == 0:
    os._exit(0)
print("fork", int(child > 0))
thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
print("thread 1")
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server of this test, on the loopback, that waits for anybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        yield server


def attempted(layer: str, folder: Path, port: int) -> dict[str, bool]:
    inner = folder / "private"
    inner.mkdir()
    command = [sys.executable, "-P", "-c", ATTEMPT, str(ROOT), str(inner), str(port), layer]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return {line.split()[0]: line.split()[1] == "1" for line in done.stdout.splitlines()}


def arrived(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


def test_without_a_layer_everything_works(tmp_path: Path, listener: socket.socket) -> None:
    did = attempted("none", tmp_path, listener.getsockname()[1])
    assert all(did.values())
    assert arrived(listener)


@pytest.mark.parametrize(
    ("layer", "stopped"),
    [
        ("namespace", {"connect"}),
        ("landlock", {"connect", "read", "write"}),
        ("seccomp", {"connect", "fork"}),
        ("all", {"connect", "read", "write", "fork"}),
    ],
)
def test_a_layer_stops_what_it_is_for(
    layer: str, stopped: set[str], tmp_path: Path, listener: socket.socket
) -> None:
    children = ParserChildren(IngestSettings())
    holds = children.holds()
    children.close()
    if layer != "all" and layer not in holds:
        pytest.skip(f"this kernel has no {layer}")
    if layer == "all" and not {"landlock", "seccomp"} <= set(holds):
        pytest.skip("this kernel lacks a layer")
    did = attempted(layer, tmp_path, listener.getsockname()[1])
    assert {name for name, worked in did.items() if not worked} == stopped
    assert not arrived(listener)
    assert (tmp_path / "outside").exists() == ("write" not in stopped)


def test_the_children_of_this_system_reach_no_network() -> None:
    children = ParserChildren(IngestSettings())
    holds = set(children.holds())
    children.close()
    assert {"limits", "audit"} <= holds
    assert holds & {"namespace", "seccomp"}, "neither a namespace nor a filter: the network is open"


def test_a_child_sees_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_ENGINE__API_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    children = ParserChildren(IngestSettings())
    children.holds()
    child = children._idle.queue[0]
    seen = Path(f"/proc/{child.process.pid}/environ").read_bytes()
    folder = child.folder
    assert b"secret" not in seen
    assert folder.is_dir()
    children.close()
    assert not folder.exists()


def test_the_folder_of_a_child_that_nobody_ended_goes_with_the_process(tmp_path: Path) -> None:
    program = (
        "from ingest.child import ParserChildren; from tandem.settings import IngestSettings\n"
        "children = ParserChildren(IngestSettings()); children.holds()\n"
        "import os; print(len(os.listdir(os.environ['TMPDIR'])))"
    )
    environment = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT), "PATH": os.defpath}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    assert done.stdout == "1\n"
    assert list(tmp_path.iterdir()) == []
