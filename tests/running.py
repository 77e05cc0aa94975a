"""Real processes: starts a Tandem of its own and ends it with all its children."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

_START_S = 240
WITHOUT_KEYS = {"TANDEM_IDENTITY__REQUIRED": "false"}
"""What a test that is not about keys starts with."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lives(process: psutil.Process) -> bool:
    """Whether it still runs; one that ended and was not yet collected by its parent does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass
class Tandem:
    """A running `tandem up`, and how to talk to it."""

    process: subprocess.Popen[bytes]
    url: str
    engine_url: str
    environment: dict[str, str]
    log: Path
    python: str = sys.executable

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `tandem` command on the same data folder."""
        return tandem_command(*arguments, environment=self.environment, python=self.python)

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def wait_ready(self) -> None:
        """Return when questions can be answered."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"tandem up ended:\n{self.log_end()}"
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200:
                    return
            time.sleep(0.2)
        raise AssertionError(f"not ready after {_START_S} s:\n{self.log_end()}")

    def log_end(self) -> str:
        return self.log.read_text()[-4000:]


def tandem_command(
    *arguments: str, environment: dict[str, str], python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "tandem", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def environment_for(data_dir: Path, **settings: str) -> dict[str, str]:
    """This process's environment without its own settings, and with those given."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TANDEM_")}
    return own | {"TANDEM_DATA_DIR": str(data_dir), "NO_COLOR": "1", **WITHOUT_KEYS} | settings


@contextmanager
def started(
    environment: dict[str, str], *arguments: str, log: Path, python: str = sys.executable
) -> Iterator[Tandem]:
    """`tandem up`, ended by Ctrl-C; fails if a child of it is left then."""
    port = free_port()
    environment = environment | {"TANDEM_SERVER__PORT": str(port)}
    with log.open("wb") as out:
        command = [python, "-m", "tandem", "up", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
    engine = (
        environment.get("TANDEM_ENGINE__ADDRESS") or f"http://127.0.0.1:{environment['TANDEM_ENGINE__PORT']}"
    )
    try:
        yield Tandem(process, f"http://127.0.0.1:{port}", engine, environment, log, python)
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive, f"left behind: {alive}"
