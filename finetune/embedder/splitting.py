"""Splits pairs so that no document is on both sides."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from finetune.embedder.pairs import Pair


@dataclass(frozen=True, slots=True)
class Split:
    """Pairs to train on, and pairs of other documents to validate on."""

    train: list[Pair]
    validation: list[Pair]


def split_pairs(pairs: Sequence[Pair], share: float, seed: int) -> Split:
    """About `share` of the pairs for validation. Documents that share a question go together."""
    groups = _groups(pairs)
    random.Random(seed).shuffle(groups)  # noqa: S311 - a draw that can be made again
    wanted = share * len(pairs)
    held: list[int] = []
    for group in groups:
        # Each where it brings the number nearer to the share.
        if abs(len(held) + len(group) - wanted) < abs(len(held) - wanted):
            held += group
    chosen = set(held)
    return Split(
        [pair for place, pair in enumerate(pairs) if place not in chosen],
        [pair for place, pair in enumerate(pairs) if place in chosen],
    )


def _groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """Places of pairs that hang together by a document or by the very same question."""
    groups: list[tuple[set[str], list[int]]] = []
    for place, pair in enumerate(pairs):
        keys = {*pair.documents, " ".join(pair.question.casefold().split())}
        joined = [group for group in groups if group[0] & keys]
        merged = (
            set.union(keys, *(group[0] for group in joined)),
            [*(one for group in joined for one in group[1]), place],
        )
        groups = [group for group in groups if not group[0] & keys] + [merged]
    return [places for _, places in groups]
