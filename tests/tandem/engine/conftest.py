"""What the engine's tests share: a fake vLLM, in this process or as one that is started."""

import sys
from collections.abc import Iterator
from pathlib import Path

import fake_vllm
import pytest
from fake_vllm import FakeVllm
from running import free_port


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    """A fake vLLM that listens in this process and does as it is told."""
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def fake_python(tmp_path: Path) -> Path:
    """An interpreter whose `-m vllm...` is the fake, so that Tandem's real command line is run."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fake_vllm.__file__}" "$@"\n')
    script.chmod(0o755)
    return script
