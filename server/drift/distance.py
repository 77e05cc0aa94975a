"""How far a question is from what is known: the corpus, and questions of the domain.

Chosen by `python -m bench.outside`: a question is near if a passage or a few known questions are, and the further
the less its passages hold an answer. Every distance is in [0, 1] for vectors of texts.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NEIGHBOURS = 3
"""Known questions whose mean cosine counts: one alone may be a copy, many are hard to be near to."""
_EVIDENCE = 0.5
"""Weight of the evidence beside the nearness."""


def to_known(vectors: Floats, known: Floats) -> Floats:
    """One less the mean cosine of the `NEIGHBOURS` nearest known questions, for vectors of shape (any, dimension).

    All vectors have length 1; there must be as many known ones.
    """
    cosines = vectors @ known.T
    nearest = np.partition(cosines, -NEIGHBOURS, axis=-1)[..., -NEIGHBOURS:]
    return np.asarray(1 - nearest.mean(axis=-1), dtype=np.float32)


def combined(near: Floats | np.float32, evidence: Floats | np.float32) -> Floats:
    """The distance of questions at the distance `near` from what is nearest, whose passages have this evidence."""
    return np.asarray((near + _EVIDENCE * (1 - evidence)) / (1 + _EVIDENCE), dtype=np.float32)


def to_all(vectors: Floats, known: Floats, similarity: Floats, evidence: Floats) -> Floats:
    """The distance to corpus and known questions together; arrays of shape (any,) beside the vectors."""
    near = np.minimum(to_known(vectors, known), 1 - similarity)
    return combined(near, evidence)
