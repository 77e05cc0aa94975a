"""Splits pairs so that no document is on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass

from finetune.dataset.texts import words
from finetune.embedder.pairs import Pair
from finetune.splitting import split_whole


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs to train on, and pairs of other documents to validate on."""

    train: list[Pair]
    validation: list[Pair]


def split_pairs(pairs: Sequence[Pair], share: float, seed: int) -> Split:
    """About `share` of the pairs for validation. Documents that share a question go together."""
    return Split(
        *split_whole(
            pairs, lambda pair: " ".join(words(pair.question)), lambda pair: pair.documents, share, seed
        )
    )
