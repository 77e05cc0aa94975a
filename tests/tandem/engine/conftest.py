"""What the engine's tests share: a fake vLLM, in this process or as one that is started."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from fake_vllm import FakeVllm  # noqa: E402


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    """A fake vLLM that listens in this process and does as it is told."""
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    """An interpreter whose `-m vllm...` is the fake, so that Tandem's real command line is run."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "fake_vllm.py"}" "$@"\n')
    script.chmod(0o755)
    return script
