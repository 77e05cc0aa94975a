"""Questions that show what is new: the most typical of those that a classifier tells from the reference."""

import numpy as np

from server.drift.distance import Floats

_FOLDS = 5
_SHRINKAGE = 0.5
_USUAL = 0.95
"""Share of the reference's questions that are not called new."""
_SAME = 0.9
"""Cosine from which on two questions are one example."""


def typical(before: Floats, now: Floats, most: int = 5) -> list[int]:
    """Places in `now`, the most typical first, of at most `most` questions, none like another.

    Fisher's linear discriminant, with a shrunk covariance, tells the two apart; each question by one that was
    fitted without it. New are those that it puts further out than 95% of the reference's. Of these, the nearest to
    their centroid are typical.
    """
    scores = _scores(before, now)
    usual = np.quantile(scores[: len(before)], _USUAL)
    new = np.flatnonzero(scores[len(before) :] > usual)
    if not len(new):
        return []
    centroid = now[new].mean(axis=0)
    ranked = new[np.argsort(-(now[new] @ centroid), kind="stable")]
    chosen: list[int] = []
    for place in ranked:
        if all(float(now[place] @ now[other]) < _SAME for other in chosen):
            chosen.append(int(place))
        if len(chosen) == most:
            break
    return chosen


def _scores(before: Floats, now: Floats) -> Floats:
    """How much each is like what came later, those of `before` first; in standard deviations of its fold."""
    vectors = np.concatenate([before, now])
    later = np.arange(len(vectors)) >= len(before)
    fold = np.arange(len(vectors)) % _FOLDS
    scores = np.empty(len(vectors), np.float32)
    for one in range(_FOLDS):
        seen = fold != one
        weights = _discriminant(vectors[seen & ~later], vectors[seen & later])
        values = vectors @ weights
        scores[~seen] = (values[~seen] - values[seen].mean()) / max(float(values[seen].std()), 1e-9)
    return scores


def _discriminant(before: Floats, now: Floats) -> Floats:
    together = np.concatenate([before - before.mean(axis=0), now - now.mean(axis=0)])
    covariance = together.T @ together / len(together)
    even = np.trace(covariance) / len(covariance) * np.eye(len(covariance), dtype=np.float32)
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * even + 1e-6 * np.eye(len(covariance))
    return np.asarray(np.linalg.solve(shrunk, now.mean(axis=0) - before.mean(axis=0)), dtype=np.float32)
