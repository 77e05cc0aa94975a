"""Experiments as they might come in, many at once: what each answer's user says, and in which arm the user is.

An answer is of a user of one arm. Users differ (`spread`), ask more or less often, and may or may not vote. Everything
is drawn before, so that every test sees the same experiments.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kind:
    """A way in which experiments come in."""

    name: str
    base: float
    """Mean of the champion's values, in [0, 1]."""
    spread: float
    """How much users differ: the share of a value's variance that is the user's own."""
    per_user: float
    """Answers of a user in the whole experiment, on average; few users ask much more."""
    share: float = 0.5
    """Of the users, that the challenger gets."""
    voting: float = 1.0
    """Share of the users who say what they think; the others are not seen."""
    binary: bool = True
    """Whether a value is 0 or 1, and not anything between."""
    smallest: float = 0.05
    """Effect that is said to matter."""


KINDS = (
    Kind("one answer a user, right or wrong", 0.7, 0.0, 1.0),
    Kind("one answer a user, a score between", 0.7, 0.0, 1.0, binary=False),
    Kind("many answers a user, users differ", 0.7, 0.3, 5.0),
    Kind("thumbs of one user in ten, users differ", 0.8, 0.3, 3.0, voting=0.1, smallest=0.1),
    Kind("canary: 5% of the users, right or wrong", 0.7, 0.0, 1.0, share=0.05, smallest=0.1),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one look, of each of many experiments: of both arms, the second being the challenger.

    Shapes: (runs, 2).
    """

    answers: int
    """Answers so far, seen or not."""
    units: Floats
    mean: Floats
    """Of the units' means."""
    variance: Floats
    """Of the units' means, with one unit of each kind added."""
    raw_units: Floats
    """The same of the answers, as if each were a unit of its own."""
    raw_mean: Floats
    raw_variance: Floats


@dataclass
class _Sums:
    """Of each run and arm: units, sum and sum of squares. Shapes: (runs, 2)."""

    count: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, runs: int) -> "_Sums":
        return cls(*(np.zeros((runs, 2)) for _ in range(3)))

    def figures(self, pseudo: int) -> tuple[Floats, Floats, Floats]:
        count = np.maximum(self.count, 1)
        n, total, squares = self.count + 2 * pseudo, self.total + pseudo, self.squares + pseudo
        n = np.maximum(n, 2)
        return self.count.copy(), self.total / count, np.maximum(squares - total**2 / n, 0) / (n - 1)


def looks(
    kind: Kind, effect: float, answers: int, every: int, runs: int, rng: np.random.Generator
) -> Iterator[Look]:
    """`runs` experiments of so many answers at once, looked at after `every` of them."""
    users = max(2, round(answers / kind.per_user))
    asking = _users_of(kind, users, answers, runs, rng)
    arm = (rng.random((runs, users)) < kind.share).astype(np.int64)
    votes = rng.random((runs, users)) < kind.voting
    mean = np.where(arm == 1, min(kind.base + effect, 0.99), kind.base)
    own = _own(mean, kind.spread, rng)
    seen, total = np.zeros((runs, users)), np.zeros((runs, users))
    by_unit, by_answer = _Sums.of(runs), _Sums.of(runs)
    row = np.arange(runs)
    for place in range(answers):
        user = asking[:, place]
        value = _value(own[row, user], kind.binary, rng)
        counted = votes[row, user].astype(float)
        which = arm[row, user]
        before = np.divide(total[row, user], seen[row, user], out=np.zeros(runs), where=seen[row, user] > 0)
        first = (seen[row, user] == 0) * counted
        seen[row, user] += counted
        total[row, user] += value * counted
        after = np.divide(total[row, user], seen[row, user], out=np.zeros(runs), where=seen[row, user] > 0)
        by_unit.count[row, which] += first
        by_unit.total[row, which] += after - before
        by_unit.squares[row, which] += after**2 - before**2
        by_answer.count[row, which] += counted
        by_answer.total[row, which] += value * counted
        by_answer.squares[row, which] += value**2 * counted
        if (place + 1) % every == 0:
            yield Look(place + 1, *by_unit.figures(1), *by_answer.figures(0))


def _users_of(kind: Kind, users: int, answers: int, runs: int, rng: np.random.Generator) -> Ints:
    """Who asks each question. Where users ask often, some ask ten times as much as others."""
    if kind.per_user <= 1:
        return np.broadcast_to(np.arange(answers), (runs, answers))
    weights = rng.gamma(1.0, size=(runs, users)).cumsum(axis=1)
    drawn = rng.random((runs, answers)) * weights[:, -1:]
    return np.stack([np.searchsorted(w, d) for w, d in zip(weights, drawn, strict=True)])


def _own(mean: Floats, spread: float, rng: np.random.Generator) -> Floats:
    """Each user's own mean: a beta distribution, whose variance is `spread` of a right-or-wrong value's."""
    if spread == 0:
        return mean
    size = 1 / spread - 1
    return rng.beta(mean * size, (1 - mean) * size)


def _value(mean: Floats, binary: bool, rng: np.random.Generator) -> Floats:
    if binary:
        return (rng.random(mean.shape) < mean).astype(float)
    return rng.beta(2 * mean, 2 * (1 - mean))
