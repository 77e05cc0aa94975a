"""One tiny base, and a training on it, for all tests of calibrating."""

from pathlib import Path

import pytest
from tiny_base import make_tiny_base, make_tiny_set

from finetune.training import BaseModel, TrainingOptions, train


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    folder = make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")
    return BaseModel(folder, "hub:somebody/tiny", "cd" * 32)


@pytest.fixture(scope="session")
def tiny_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_set(tmp_path_factory.mktemp("sets") / "tiny")


@pytest.fixture(scope="session")
def run(tiny: BaseModel, tiny_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    options = TrainingOptions(rank=4, epochs=1, batch_size=4, lr=5e-3, dtype="fp32", eval_every=5)
    assert train(tiny_set, tiny, out, options, report=lambda event: None, device="cpu")
    return out
