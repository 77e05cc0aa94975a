"""What the light reranker looks at: numbers for each passage of one question's candidates."""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

from tandem.rerank.words import stems_of
from tandem.vocabulary import Passage

FEATURES = (
    "cosine",
    "cosine_z",
    "dense_rank",
    "bm25_share",
    "bm25_z",
    "bm25_rank",
    "fused_share",
    "coverage",
    "rarest",
    "sentence",
    "pairs",
    "nearness",
    "repeats",
    "title",
    "section",
    "length",
    "neighbours",
    "document",
    "digits",
)
"""Names of the columns of `features`, in their order."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_NUMERIC = re.compile(
    r"\bhow (many|much|long|old|often|large|high|far)\b|\b(when|percent|percentage|rate|number|year)\b"
)
_NEAR = 8
"""Words within which two terms of the question count as near."""


def features(question: str, passages: Sequence[Passage]) -> NDArray[np.float32]:
    """An array of shape (passages, features), in the order of `FEATURES`.

    Each is comparable between questions: shares of the best or of the question's whole, standard deviations,
    inverse ranks. A word weighs by how few of the candidates have it, log(1 + n / df), so no corpus-wide count
    is needed.
    """
    terms = list(dict.fromkeys(word for word in stems_of(question) if word))
    texts = [stems_of(passage.chunk.text) for passage in passages]
    wanted = set(terms)
    found = [_places(text, wanted) for text in texts]
    weights = _weights(terms, found)
    numeric = bool(_NUMERIC.search(question.casefold()))
    cosine = np.array([passage.similarity for passage in passages])
    bm25 = np.array([passage.bm25.score if passage.bm25 else 0.0 for passage in passages])
    fused = np.array([passage.score for passage in passages])
    columns = {
        "cosine": cosine,
        "cosine_z": _standard(cosine),
        "dense_rank": np.array([1 / p.dense.rank if p.dense else 0.0 for p in passages]),
        "bm25_share": _share(bm25),
        "bm25_z": _standard(bm25),
        "bm25_rank": np.array([1 / p.bm25.rank if p.bm25 else 0.0 for p in passages]),
        "fused_share": _share(fused),
        "coverage": np.array([_covered(places, weights) for places in found]),
        "rarest": np.array([_rarest(places, weights) for places in found]),
        "sentence": np.array([_best_window(places, weights, 30) for places in found]),
        "pairs": np.array([_pairs(places, terms, 1) for places in found]),
        "nearness": np.array([_pairs(places, terms, _NEAR) for places in found]),
        "repeats": np.array([log(1 + sum(map(len, places.values()))) for places in found]),
        "title": _named([p.chunk.title for p in passages], wanted, weights),
        "section": _named([p.chunk.section or "" for p in passages], wanted, weights),
        "length": np.array([log(1 + len(text)) for text in texts]),
        "neighbours": _neighbours(passages, fused),
        "document": _documents(passages, fused),
        "digits": np.array([numeric * min(1.0, sum(word.isdigit() for word in text) / 5) for text in texts]),
    }
    return np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32)


def _places(text: Sequence[str], wanted: set[str]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, word in enumerate(text):
        if word in wanted:
            places.setdefault(word, []).append(place)
    return places


def _weights(terms: Sequence[str], found: Sequence[dict[str, list[int]]]) -> dict[str, float]:
    """Weights of the question's words, of sum 1 over those that any candidate has."""
    counts = {term: sum(term in places for places in found) for term in terms}
    raw = {term: log(1 + len(found) / count) for term, count in counts.items() if count}
    whole = sum(raw.values())
    return {term: weight / whole for term, weight in raw.items()}


def _covered(places: dict[str, list[int]], weights: dict[str, float]) -> float:
    return sum(weights[term] for term in places)


def _rarest(places: dict[str, list[int]], weights: dict[str, float]) -> float:
    return max((weights[term] for term in places), default=0.0) / max(weights.values(), default=1.0)


def _best_window(places: dict[str, list[int]], weights: dict[str, float], size: int) -> float:
    """The most weight of different words that stands within `size` words, about a sentence."""
    hits = sorted((place, term) for term, all_places in places.items() for place in all_places)
    counts: dict[str, int] = {}
    best = weight = 0.0
    first = 0
    for place, term in hits:
        counts[term] = counts.get(term, 0) + 1
        if counts[term] == 1:
            weight += weights[term]
        while hits[first][0] <= place - size:
            gone = hits[first][1]
            counts[gone] -= 1
            if counts[gone] == 0:
                weight -= weights[gone]
            first += 1
        best = max(best, weight)
    return best


def _pairs(places: dict[str, list[int]], terms: Sequence[str], within: int) -> float:
    """The share of the question's neighbouring words that stand in this order, at most `within` words apart."""
    pairs = list(pairwise(terms))
    if not pairs:
        return 0.0
    kept = 0
    for one, other in pairs:
        starts, ends = places.get(one), places.get(other)
        kept += bool(starts and ends and any(0 < end - start <= within for start in starts for end in ends))
    return kept / len(pairs)


def _named(names: Sequence[str], wanted: set[str], weights: dict[str, float]) -> NDArray[np.float64]:
    known: dict[str, float] = {}
    for name in names:
        if name not in known:
            known[name] = sum(weights.get(word, 0.0) for word in wanted.intersection(stems_of(name)))
    return np.array([known[name] for name in names])


def _neighbours(passages: Sequence[Passage], fused: NDArray[np.float64]) -> NDArray[np.float64]:
    """The better of the two chunks beside it, as a share of the best."""
    shares = _share(fused)
    at = {(p.chunk.document_id, p.chunk.ordinal): share for p, share in zip(passages, shares, strict=True)}
    return np.array(
        [
            max(at.get((p.chunk.document_id, p.chunk.ordinal + step), 0.0) for step in (-1, 1))
            for p in passages
        ]
    )


def _documents(passages: Sequence[Passage], fused: NDArray[np.float64]) -> NDArray[np.float64]:
    """The document's part in the candidates, each weighed by its score."""
    shares = _share(fused)
    sums: dict[str, float] = {}
    for passage, share in zip(passages, shares, strict=True):
        sums[passage.chunk.document_id] = sums.get(passage.chunk.document_id, 0.0) + share
    whole = sum(sums.values()) or 1.0
    return np.array([sums[p.chunk.document_id] / whole for p in passages])


def _share(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    best = scores.max(initial=0.0)
    return scores / best if best > 0 else np.zeros_like(scores)


def _standard(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = scores.std() if len(scores) else 0.0
    return (scores - scores.mean()) / deviation if deviation > 0 else np.zeros_like(scores)
