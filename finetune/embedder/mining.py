"""Hard negatives: chunks that the retriever takes for the answer, and that are not."""

from collections.abc import Sequence

from finetune.embedder.options import TuningOptions
from finetune.embedder.pairs import Pair
from finetune.embedder.searching import searchable
from tandem.index import Fusion, Leg, Vector
from tandem.vocabulary import Chunk

_DEEP = 30
"""Chunks looked at in each leg."""
_ALIKE = 0.95
"""Cosine from which a chunk says the same as a right one."""


async def mine(
    pairs: Sequence[Pair],
    chunks: Sequence[Chunk],
    vectors: Vector,
    asked: Vector,
    fusion: Fusion,
    options: TuningOptions,
) -> list[tuple[int, ...]]:
    """For each pair up to `options.hard` places in `chunks`, the hardest first; fewer where few are left.

    `vectors` are of the chunks and `asked` of the questions, both of length 1. Dense and BM25 hits take turns.
    A chunk is passed over if it holds an answer, if it is nearly the same as a right one, and if it is nearer
    to the question than `options.margin` times the right one: such a chunk is most often an answer that nobody
    has marked (G. de Souza P. Moreira et al., NV-Retriever, 2024: "TopK-PercPos").
    """
    mined = []
    async with searchable(chunks, vectors, fusion) as search:
        for pair, vector in zip(pairs, asked, strict=True):
            legs = [await search(pair.question, vector, leg, _DEEP) for leg in (Leg.DENSE, Leg.BM25)]
            mined.append(_chosen(pair, _in_turns(legs), chunks, vectors, vector, options))
    return mined


def _in_turns(legs: Sequence[Sequence[int]]) -> list[int]:
    longest = max(map(len, legs))
    return list(dict.fromkeys(leg[rank] for rank in range(longest) for leg in legs if rank < len(leg)))


def _chosen(
    pair: Pair,
    candidates: Sequence[int],
    chunks: Sequence[Chunk],
    vectors: Vector,
    asked: Vector,
    options: TuningOptions,
) -> tuple[int, ...]:
    right = vectors[list(pair.right)]
    most = options.margin * float((right @ asked).max())
    found: list[int] = []
    for place in candidates:
        if len(found) == options.hard:
            break
        if place in pair.holders or (
            not options.same_document and chunks[place].document_id in pair.documents
        ):
            continue
        if float(vectors[place] @ asked) <= most and float((right @ vectors[place]).max()) < _ALIKE:
            found.append(place)
    return tuple(found)
