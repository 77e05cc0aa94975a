"""Among what validation searches."""

import random
from collections.abc import Collection, Sequence
from dataclasses import replace

from finetune.embedder.options import TuningOptions
from finetune.embedder.pairs import Pair
from tandem.vocabulary import Chunk


def haystack_of(
    chunks: Sequence[Chunk], pairs: Sequence[Pair], options: TuningOptions
) -> tuple[list[Pair], list[Chunk]]:
    """All chunks of the pairs' documents, and others at random until there are `options.haystack`.

    The pairs come back with places in this list. Every epoch embeds the list anew, so it is bounded; the same
    seed gives the same list.
    """
    own = among(chunks, set().union(*(pair.documents for pair in pairs)))
    others = sorted(set(range(len(chunks))) - set(own))
    missing = max(0, min(options.haystack - len(own), len(others)))
    chance = random.Random(options.seed)  # noqa: S311 - a draw that can be made again
    kept = [*own, *sorted(chance.sample(others, missing))]
    seen = {place: number for number, place in enumerate(kept)}
    moved = [
        replace(
            pair,
            right=tuple(seen[place] for place in pair.right),
            holders=frozenset(seen[place] for place in pair.holders if place in seen),
        )
        for pair in pairs
    ]
    return moved, [chunks[place] for place in kept]


def among(chunks: Sequence[Chunk], documents: Collection[str]) -> list[int]:
    """Places of the chunks of these documents."""
    return [place for place, chunk in enumerate(chunks) if chunk.document_id in documents]
