"""The tests find what has changed, and alarm no oftener than they say where nothing has."""

import numpy as np
import pytest

from server.drift.two_sample import alarms, fisher, kolmogorov_smirnov, mean_discrepancy, tail

RNG = np.random.default_rng(1)


def vectors(count: int, shift: float = 0.0, rng: np.random.Generator = RNG) -> np.ndarray:
    drawn = rng.normal(size=(count, 16)).astype(np.float32)
    drawn[:, 0] += shift
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_vectors_that_have_moved_are_told_from_those_that_have_not() -> None:
    before = vectors(200)
    assert mean_discrepancy(before, vectors(150, 2.0), 0.001, 0).p_value < 0.001
    assert mean_discrepancy(before, vectors(150), 0.001, 0).p_value > 0.001


def test_permutations_alarm_no_oftener_than_the_level() -> None:
    rng = np.random.default_rng(3)
    p_values = [
        mean_discrepancy(vectors(30, rng=rng), vectors(20, rng=rng), 0.1, seed).p_value for seed in range(200)
    ]
    # 20 expected; 33 or more of 200 have a chance below 0.3%.
    assert sum(value <= 0.1 for value in p_values) < 33


def test_the_furthest_alarm_no_oftener_than_the_level_though_the_cut_is_of_the_data() -> None:
    rng = np.random.default_rng(4)
    p_values = [tail(rng.normal(size=120), rng.normal(size=90)).p_value for _ in range(2_000)]
    for level in (0.01, 0.05, 0.2):
        assert np.mean([value <= level for value in p_values]) < level + 3 * np.sqrt(level / 2_000)


def test_a_tenth_of_far_questions_is_seen_where_distributions_hardly_differ() -> None:
    usual, now = RNG.normal(size=250), RNG.normal(size=500)
    now[:50] += 4
    assert tail(usual, now).p_value < 1e-4 < kolmogorov_smirnov(usual.tolist(), now.tolist()).p_value
    assert tail(now, usual).p_value > 0.5


def test_rates_are_compared_exactly() -> None:
    assert fisher([0.0] * 90 + [1.0] * 10, [0.0] * 60 + [1.0] * 40).p_value < 1e-5
    assert fisher([0.0] * 100, [0.0] * 100).p_value == pytest.approx(1)


def test_holm_lets_the_second_alarm_more_easily_once_the_first_has() -> None:
    thresholds = alarms({"a": 0.004, "b": 0.006, "c": 0.5}, 0.015)
    assert thresholds == pytest.approx({"a": 0.005, "b": 0.0075, "c": 0.005})
    # Without the first, the second stays below what all have to pass.
    assert alarms({"a": 0.0051, "b": 0.006, "c": 0.5}, 0.015)["b"] == pytest.approx(0.005)
