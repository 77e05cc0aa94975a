"""Says of a question how far it is from its tenant's domain, and whether that is outside. Asks no database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np

from server.drift.conformal import conformal_threshold
from server.drift.distance import NEIGHBOURS, Floats, combined, to_known
from server.drift.sample import matrix_of
from tandem.store import OutsideCalibration

CORPUS, QUESTIONS, BOTH = "corpus", "questions", "both"
"""What a distance is to: the corpus, known questions, or the nearer of them."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a question when it is judged."""

    embedder: str = ""
    """Fingerprint of the embedder of `vector` and of the cosines."""
    vector: Floats | None = None
    """Of shape (dimension,)."""
    similarity: float | None = None
    """Highest cosine of a passage, 0 where none was found; `None` where none were looked for."""
    evidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Judged:
    """How far a question is; `None` where nothing tells. Nothing is outside without a calibration."""

    distance: float | None = None
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """Known questions of a domain, and what distances others of the domain have to them."""

    embedder: str
    vectors: Floats
    distances: Mapping[str, Sequence[float]]
    """Ascending, by what they are to."""
    rate: float
    """Share of the domain's questions that may be called outside."""
    label: str = ""
    """Tells it from others."""
    thresholds: dict[tuple[str, bool], float] = field(default_factory=dict)
    """By what a distance is to, and whether another is looked at beside it, which halves the rate."""

    def __post_init__(self) -> None:
        for kind, distances in self.distances.items():
            for halved in (False, True):
                rate = self.rate / 2 if halved else self.rate
                self.thresholds[kind, halved] = conformal_threshold(distances, rate)


class Domains:
    """The calibrations of the tenants, and the training questions of the adapters. Of one event loop."""

    def __init__(self) -> None:
        self.tenants: dict[str, Known] = {}
        self.adapters: dict[str, Known] = {}
        """By the adapter's name at the engine."""

    def judge(self, tenant: str, model: str, asked: Asked) -> Judged:
        """A question of this tenant that `model` is to answer.

        The distance is that to corpus and known questions; to the training questions where there is no other, or
        where that alone is too large.
        """
        own, trained = self.tenants.get(tenant), self.adapters.get(model)
        own = own if own and own.embedder == asked.embedder else None
        trained = trained if trained and trained.embedder == asked.embedder else None
        found = [*_to_own(asked, own), *_to_training(asked, trained)]
        if not found:
            return Judged()
        both = len(found) > 1
        for distance, kind, known in found:
            if known is not None and distance > known.thresholds.get((kind, both), inf):
                return Judged(distance, True)
        return Judged(found[0][0])

    def label(self, tenant: str, model: str) -> str:
        """Another one where a question may be judged otherwise: for keys of kept answers."""
        labels = (known.label for known in (self.tenants.get(tenant), self.adapters.get(model)) if known)
        return " ".join(labels)


def known_of(calibration: OutsideCalibration) -> Known:
    """A calibration as it is kept, ready to judge by."""
    rows = len(calibration.known) // (2 * calibration.dimension) if calibration.dimension else 0
    vectors = matrix_of(calibration.known, rows=rows)
    label = f"{calibration.number} {calibration.made_at.isoformat()}"
    return Known(calibration.embedder, vectors, calibration.distances, calibration.false_alarms, label)


def _to_own(asked: Asked, own: Known | None) -> Iterator[tuple[float, str, Known | None]]:
    near = None
    if own is not None and asked.vector is not None and len(own.vectors) >= NEIGHBOURS:
        near = float(to_known(asked.vector, own.vectors))
    if asked.similarity is not None:
        far = 1 - asked.similarity
        nearest, kind = (far, CORPUS) if near is None else (min(far, near), BOTH)
        yield float(combined(np.float32(nearest), np.float32(asked.evidence))), kind, own
    elif near is not None:
        yield near, QUESTIONS, own


def _to_training(asked: Asked, trained: Known | None) -> Iterator[tuple[float, str, Known | None]]:
    if trained is not None and asked.vector is not None and len(trained.vectors) >= NEIGHBOURS:
        yield float(to_known(asked.vector, trained.vectors)), QUESTIONS, trained
