"""Two rankings of the same chunks become one.

The engines give each leg's hits with their scores in one request; what follows is the same for both engines,
takes weights in every method, and leaves the two scores to whoever ranks further.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

Hits = Sequence[tuple[str, float]]
"""Ids of a leg's hits with their scores, best first."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the dense and the BM25 ranking are fused; part of a recipe's version."""

    method: Literal["rrf", "weighted", "dbsf"] = "dbsf"
    dense_weight: float = 1.0
    sparse_weight: float = 3.0
    rrf_k: int = 1
    candidates: int = 50
    """Chunks that each leg puts forward; never fewer than the query's limit."""


def fuse(dense: Hits, sparse: Hits, fusion: Fusion) -> list[tuple[str, float]]:
    """Every id of either leg with its fused score, best first; what counts the same is ordered by its id.

    `rrf`: the sum over the legs of 1 / (k - 1 + rank / weight), with ranks from 1 (Cormack, Clarke and
    Büttcher 2009, in the form in which Qdrant weighs it). `weighted`: each leg's scores moved to [0, 1] by its
    lowest and highest, times the leg's weight. `dbsf`: the same by mean - 3 and mean + 3 standard deviations
    (distribution-based score fusion, Mazzeschi 2023). A chunk that a leg does not bring gets 0 from it.
    """
    parts = (
        _rrf(hits, weight, fusion.rrf_k)
        if fusion.method == "rrf"
        else _scaled(hits, weight, _BOUNDS[fusion.method])
        for hits, weight in ((dense, fusion.dense_weight), (sparse, fusion.sparse_weight))
    )
    fused: dict[str, float] = {}
    for part in parts:
        for chunk, score in part:
            fused[chunk] = fused.get(chunk, 0.0) + score
    return sorted(fused.items(), key=lambda hit: (-hit[1], hit[0]))


def _rrf(hits: Hits, weight: float, k: int) -> list[tuple[str, float]]:
    return [(chunk, 1 / (k - 1 + rank / weight)) for rank, (chunk, _) in enumerate(hits, start=1)]


def _scaled(
    hits: Hits, weight: float, bounds: Callable[[list[float]], tuple[float, float]]
) -> list[tuple[str, float]]:
    if not hits:
        return []
    low, high = bounds([score for _, score in hits])
    if high <= low:  # all of the same score: neither good nor bad
        return [(chunk, weight / 2) for chunk, _ in hits]
    return [(chunk, weight * (score - low) / (high - low)) for chunk, score in hits]


def _extremes(scores: list[float]) -> tuple[float, float]:
    return min(scores), max(scores)


def _three_deviations(scores: list[float]) -> tuple[float, float]:
    if len(scores) < 2:
        return scores[0], scores[0]
    mean = sum(scores) / len(scores)
    deviation = sqrt(sum((score - mean) ** 2 for score in scores) / (len(scores) - 1))
    return mean - 3 * deviation, mean + 3 * deviation


_BOUNDS = {"weighted": _extremes, "dbsf": _three_deviations}
