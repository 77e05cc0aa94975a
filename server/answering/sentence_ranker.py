"""Ranks the sentences of the passages by how likely they hold the answer, with a linear model that is brought along."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from server.answering.sentence_features import FEATURES, Sentence, features, sentences_of
from tandem.errors import SettingsError
from tandem.vocabulary import Passage

FILE = "sentence_ranker.json"


def ranked_sentences(question: str, passages: Sequence[Passage]) -> list[tuple[Sentence, float]]:
    """The sentences in the passages' order, each with its score: the higher, the likelier it holds the answer.

    Scores compare the sentences of one question only.
    """
    found = sentences_of(passages)
    if not found:
        return []
    scores = features(question, passages, found) @ _weights()
    return list(zip(found, map(float, scores), strict=True))


@cache
def _weights() -> NDArray[np.float64]:
    """Of `FEATURES`, as `scripts/train_sentence_ranker.py` writes them."""
    weights = json.loads(files("server.answering").joinpath(FILE).read_text())["weights"]
    if list(weights) != list(FEATURES):
        raise SettingsError(
            f"{FILE} is of other features", hint="Train it anew: scripts/train_sentence_ranker.py"
        )
    return np.array(list(weights.values()), np.float64)
