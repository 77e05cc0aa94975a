"""How well an embedder finds the chunk that holds the answer, alone and in the hybrid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from finetune.embedder.pairs import Pair
from finetune.embedder.searching import searchable
from tandem.index import Fusion, Leg, Vector
from tandem.vocabulary import Chunk

_DEPTH = 50
_CUTS = (1, 5, 10)
LEGS = (Leg.DENSE, Leg.HYBRID)


class Interval(Protocol):
    """A mean and its 95% interval."""

    @property
    def mean(self) -> float:
        """The mean."""

    @property
    def low(self) -> float:
        """Lower end."""

    @property
    def high(self) -> float:
        """Upper end."""


Resample = Callable[[Sequence[float]], Interval]
"""The interval of a mean of one value a question; `eval.resampling.bootstrap_mean` is one."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """For each leg and question the rank, from 1, of the first right chunk; 0 where it is not among the first 50."""

    by_leg: dict[Leg, NDArray[np.int64]]

    def values(self, leg: Leg) -> dict[str, NDArray[np.float64]]:
        """For each figure one value a question: recall at 1, 5 and 10, and the reciprocal rank."""
        ranks = self.by_leg[leg]
        found = {f"recall@{cut}": ((ranks > 0) & (ranks <= cut)).astype(np.float64) for cut in _CUTS}
        return found | {"mrr": np.where(ranks > 0, 1 / np.maximum(ranks, 1), 0.0)}

    def figures(self) -> dict[str, dict[str, float]]:
        """Means by leg and figure, each in [0, 1]."""
        return {
            leg.value: {name: round(float(each.mean()), 4) for name, each in self.values(leg).items()}
            for leg in self.by_leg
        }

    @property
    def score(self) -> float:
        """What epochs and mixtures are compared by: the mean of both legs' reciprocal ranks.

        The hybrid is what users get; the dense leg alone moves more, so it tells apart what the hybrid cannot.
        """
        return float(np.mean([self.values(leg)["mrr"].mean() for leg in self.by_leg]))


async def measure(
    pairs: Sequence[Pair],
    chunks: Sequence[Chunk],
    vectors: Vector,
    asked: Vector,
    fusion: Fusion,
    *,
    documents: bool = False,
) -> Ranks:
    """Search `chunks` for each pair's question; `right` of a pair are places in this very list.

    With `documents` the rank is that of the first right document among those of the best chunks, each once.
    """
    by_leg: dict[Leg, list[int]] = {leg: [] for leg in LEGS}
    async with searchable(chunks, vectors, fusion) as search:
        for pair, vector in zip(pairs, asked, strict=True):
            for leg in LEGS:
                found = await search(pair.question, vector, leg, _DEPTH)
                by_leg[leg].append(_rank(pair, found, chunks, documents=documents))
    return Ranks({leg: np.array(ranks) for leg, ranks in by_leg.items()})


def _rank(pair: Pair, found: Sequence[int], chunks: Sequence[Chunk], *, documents: bool) -> int:
    if not documents:
        return next((rank for rank, place in enumerate(found, start=1) if place in pair.right), 0)
    sources = list(dict.fromkeys(chunks[place].document_id for place in found))
    return next((rank for rank, one in enumerate(sources, start=1) if one in pair.documents), 0)


def gained(before: Ranks, after: Ranks, resample: Resample) -> dict[str, dict[str, list[float]]]:
    """By leg and figure: how much more than before, with the ends of the interval; paired by question."""
    found: dict[str, dict[str, list[float]]] = {}
    for leg in before.by_leg:
        then, now = before.values(leg), after.values(leg)
        found[leg.value] = {name: _rounded(resample((now[name] - then[name]).tolist())) for name in then}
    return found


def verdict(gain: dict[str, dict[str, list[float]]], leg: Leg) -> tuple[bool, str]:
    """Whether the tuning helps the leg's recall@5 or its reciprocal rank, and a sentence that says by how much."""
    rows: dict[str, Any] = gain[leg.value]
    sure = [name for name in ("recall@5", "mrr") if rows[name][1] > 0]
    worse = [name for name in ("recall@5", "mrr") if rows[name][2] < 0]
    said = ", ".join(
        f"{name} {100 * mean:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        for name, (mean, low, high) in ((name, rows[name]) for name in ("recall@5", "mrr"))
    )
    if sure and not worse:
        return True, f"It helps, {leg.value}: {said}."
    return False, f"It is {'worse' if worse else 'not surely better'}, {leg.value}: {said}."


def _rounded(one: Interval) -> list[float]:
    return [round(value, 4) for value in (one.mean, one.low, one.high)]
