"""Examples are of what is new, and each says something else."""

import numpy as np

from server.drift.typical import typical

RNG = np.random.default_rng(9)


def around(place: int, count: int, spread: float = 0.15) -> np.ndarray:
    drawn = RNG.normal(scale=spread, size=(count, 32)).astype(np.float32)
    drawn[:, place] += 1
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_examples_are_among_the_few_that_are_new() -> None:
    now = np.concatenate([around(0, 90), around(7, 10)])
    found = typical(around(0, 200), now)
    assert found
    assert all(place >= 90 for place in found[:3])


def test_a_question_that_is_asked_again_and_again_is_one_example() -> None:
    now = np.concatenate([around(0, 50), np.repeat(around(7, 1), 30, axis=0)])
    found = typical(around(0, 200), now)
    assert sum(place >= 50 for place in found) == 1
