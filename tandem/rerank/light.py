"""A reranker without a model to download: a linear one over what both legs and the words say."""

import json
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from tandem.errors import SettingsError
from tandem.rerank.features import FEATURES, features
from tandem.threads import in_thread
from tandem.vocabulary import Passage


class LightReranker:
    """Scores by `light.json`, which `scripts/train_light_reranker.py` writes."""

    def __init__(self) -> None:
        weights = json.loads(files("tandem.rerank").joinpath("light.json").read_text())["weights"]
        if list(weights) != list(FEATURES):
            raise SettingsError(
                "light.json is of other features", hint="Train it anew: scripts/train_light_reranker.py"
            )
        self._weights = np.array(list(weights.values()), np.float32)

    async def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """See `Reranker.scores`."""
        return await in_thread(self.score, question, passages)

    def score(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """The same, blocking."""
        if not passages:
            return []
        return [float(score) for score in features(question, passages) @ self._weights]

    async def close(self) -> None:
        """See `Reranker.close`."""
