from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_judge import FakeJudge

from eval.judging.judge import Judge
from eval.judging.labelled import LabelledCase, bundled_cases
from tandem.settings import JudgeSettings
from tandem.store.judge_replies import JudgeReplies


class FakeEmbedder:
    """Counts letters: cheap, and the same for the same text."""

    async def embed_query(self, text: str) -> np.ndarray:
        counts = np.array([1.0 + text.count(letter) for letter in "aeioustnr"])
        return counts / np.linalg.norm(counts)


@pytest.fixture
def fake_embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def fake_judge() -> Iterator[FakeJudge]:
    with FakeJudge.serving() as server:
        yield server


@pytest.fixture
def judge_at(tmp_path: Path) -> Callable[..., Judge]:
    """Makes judges with a file of replies that they share."""

    def make(server: FakeJudge, **settings: object) -> Judge:
        quick = JudgeSettings.model_validate({"retries": 0, "corrections": 0} | settings)
        replies = JudgeReplies(tmp_path / "eval" / "judge" / "cache.sqlite3")
        return Judge(server.address, None, None, quick, replies)

    return make


@pytest.fixture(scope="session")
def labelled() -> list[LabelledCase]:
    return bundled_cases()
