"""Answers as samples of each series that is watched."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from server.drift.distance import Floats
from tandem.store import DriftReference, Observation, QuestionVector

SCALARS = ("similarity", "evidence", "answer_chars", "abstained")
"""Series that are a number of each answer."""
SERIES = ("questions", "novelty", *SCALARS)
"""All: `questions` are the vectors, `novelty` how far they are from the reference's."""
_SIMILARITY, _EVIDENCE = "vectors.similarity", "vectors.evidence"


@dataclass(frozen=True, slots=True)
class Sample:
    """What some answers come to. The rows of `vectors`, `similarity`, `evidence` and `ids` belong together."""

    size: int
    since: datetime
    until: datetime
    scalars: Mapping[str, list[float]]
    vectors: Floats
    """Shape (those that have one, dimension)."""
    similarity: Floats
    """Highest cosine of a passage; -1 where none were looked for, so that it is nearest to nothing."""
    evidence: Floats
    """1 where none were looked for."""
    ids: tuple[str, ...]


def sample_of(answers: Sequence[Observation], vectors: Mapping[str, QuestionVector], embedder: str) -> Sample:
    """The answers, oldest first, with the vectors that are of `embedder`. There must be an answer."""
    known = [one for one in answers if one.trace_id in vectors and vectors[one.trace_id].embedder == embedder]
    scalars: dict[str, list[float]] = {
        "similarity": [one.similarity for one in answers if one.similarity is not None],
        "evidence": [one.evidence for one in answers if one.evidence is not None],
        "answer_chars": [float(one.answer_chars) for one in answers if one.outcome == "answered"],
        "abstained": [float(one.outcome == "abstained") for one in answers],
    }
    return Sample(
        len(answers),
        answers[0].at,
        answers[-1].at,
        scalars,
        matrix_of(b"".join(vectors[one.trace_id].vector for one in known), rows=len(known)),
        np.array([-1.0 if one.similarity is None else one.similarity for one in known], np.float32),
        np.array([1.0 if one.evidence is None else one.evidence for one in known], np.float32),
        tuple(one.trace_id for one in known),
    )


def usual_embedder(vectors: Mapping[str, QuestionVector]) -> str:
    """Fingerprint of the embedder that most of them are of; empty without any."""
    counts = Counter(one.embedder for one in vectors.values())
    return counts.most_common(1)[0][0] if counts else ""


def kept(sample: Sample) -> tuple[dict[str, list[float]], bytes]:
    """A sample as a reference keeps it: its series, and its vectors."""
    beside = {_SIMILARITY: sample.similarity.tolist(), _EVIDENCE: sample.evidence.tolist()}
    return dict(sample.scalars) | beside, bytes_of(sample.vectors)


def kept_sample(reference: DriftReference) -> Sample:
    """The way back."""
    similarity = np.array(reference.series.get(_SIMILARITY, []), np.float32)
    return Sample(
        reference.answers,
        reference.since,
        reference.until or reference.since,
        {name: reference.series.get(name, []) for name in SCALARS},
        matrix_of(reference.vectors, rows=len(similarity)),
        similarity,
        np.array(reference.series.get(_EVIDENCE, []), np.float32),
        (),
    )


def bytes_of(vectors: Floats) -> bytes:
    """Vectors as they are kept: float16, which moves no cosine by more than a thousandth."""
    return vectors.astype("<f2").tobytes()


def matrix_of(kept: bytes, *, rows: int) -> Floats:
    """The way back, shape (rows, dimension)."""
    if not rows:
        return np.zeros((0, 0), np.float32)
    return np.frombuffer(kept, "<f2").astype(np.float32).reshape(rows, -1)
