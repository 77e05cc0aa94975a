"""One tiny base for all tests of training."""

from pathlib import Path

import pytest
from tiny_base import make_tiny_base, make_tiny_set

from finetune.training import BaseModel


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    folder = make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")
    return BaseModel(folder, "hub:somebody/tiny", "cd" * 32)


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_set(tmp_path_factory.mktemp("sets") / "tiny")
