"""How long a second start takes beyond vLLM's own.

    python -m bench.start

The first `tandem up` prepares the model and ingests Tandem's docs; the second is measured. Counted are the
time from the command to the start of vLLM's process, and from vLLM's health to the readiness of the server.
The limit is 8 s.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from bench.machine import machine
from bench.overhead import free_port

LIMIT_S = 8.0
_LONGEST_S = 300.0
_RESULT = Path(__file__).parent / "results" / "start.json"


def main() -> None:
    """Measure, print and keep the result."""
    port, engine_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "TANDEM_DATA_DIR": folder,
            "TANDEM_SERVER__PORT": str(port),
            "TANDEM_ENGINE__PORT": str(engine_port),
        }
        _start(environment, port, engine_port)
        spawned, healthy, ready = _start(environment, port, engine_port)
    report = {
        "command": "python -m bench.start",
        "machine": machine(),
        "command_to_vllm_s": round(spawned, 1),
        "vllm_s": round(healthy - spawned, 1),
        "health_to_ready_s": round(ready - healthy, 1),
        "beyond_vllm_s": round(spawned + ready - healthy, 1),
        "limit_s": LIMIT_S,
    }
    print(json.dumps(report, indent=2))
    _RESULT.write_text(json.dumps(report, indent=2) + "\n")


def _start(environment: dict[str, str], port: int, engine_port: int) -> tuple[float, float, float]:
    """Seconds from the command to vLLM's process, to its health, and to the server's readiness."""
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "tandem", "up"], env=environment, stdout=sys.stderr, stderr=sys.stderr
    ) as process:
        try:
            spawned = _until(lambda: _has_vllm(process.pid), process) - begun
            healthy = _until(lambda: _answers(f"http://127.0.0.1:{engine_port}/health"), process) - begun
            ready = _until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"), process) - begun
            return spawned, healthy, ready
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _until(met: Callable[[], bool], process: subprocess.Popen[bytes]) -> float:
    deadline = time.monotonic() + _LONGEST_S
    while not met():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the server ended, or took too long")
        time.sleep(0.05)
    return time.monotonic()


def _has_vllm(owner: int) -> bool:
    try:
        below = psutil.Process(owner).children(recursive=True)
        return any("vllm.entrypoints.openai.api_server" in one.cmdline() for one in below)
    except psutil.Error:  # one that ended while it was looked at
        return False


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
