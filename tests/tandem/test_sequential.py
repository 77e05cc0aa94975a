"""Tests that may be looked at at any time: their bounds, and that they keep their promise."""

from math import inf, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.sequential import (
    LEAST_UNITS,
    Effect,
    Sample,
    difference,
    half_width,
    mean_interval,
    mixing_variance,
    p_value,
    units_needed,
    wealth_above,
)

shares = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=LEAST_UNITS, max_size=200)
sizes = st.floats(0.005, 0.5)
variances = st.floats(1e-8, 0.25)


@given(variances, sizes)
def test_the_interval_leaves_zero_out_exactly_when_the_p_value_is_below_the_level(
    variance: float, smallest: float
) -> None:
    reach = float(half_width(variance, smallest))
    assert p_value(reach * 1.001, variance, smallest) < 0.05 < p_value(reach * 0.999, variance, smallest)
    assert p_value(-reach, variance, smallest) == pytest.approx(0.05)


@given(variances, sizes)
def test_an_interval_for_every_moment_is_wider_than_one_for_a_single_look(
    variance: float, smallest: float
) -> None:
    assert float(half_width(variance, smallest)) > 1.96 * sqrt(variance)
    assert float(half_width(variance / 2, smallest)) < float(half_width(variance, smallest))


@settings(deadline=None)
@given(sizes, st.sampled_from([0.05, 0.025, 0.01]))
def test_no_other_mixture_reaches_the_smallest_effect_with_fewer_units(smallest: float, level: float) -> None:
    tau2 = mixing_variance(smallest, level)

    def squared(variance: float, mixture: float) -> float:
        return (
            2
            * variance
            * (variance + mixture)
            / mixture
            * (0.5 * log((variance + mixture) / variance) - log(level))
        )

    low, high = 1e-12, smallest**2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if squared(middle, tau2) < smallest**2 else (low, middle)
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert squared(low, tau2 * factor) >= smallest**2 * (1 - 1e-9)


@settings(deadline=None)
@given(shares, shares, sizes)
def test_a_difference_is_the_other_one_turned_round(
    one: list[float], other: list[float], smallest: float
) -> None:
    a, b = Sample.of(one, share=True), Sample.of(other, share=True)
    forth, back = difference(a, b, smallest), difference(b, a, smallest)
    assert forth.estimate == pytest.approx(np.mean(one) - np.mean(other))
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert forth.p == pytest.approx(back.p)


def test_nothing_is_said_of_few_units() -> None:
    few, many = Sample.of([1.0] * (LEAST_UNITS - 1), share=True), Sample.of([0.0] * 500, share=True)
    assert difference(few, many, 0.05) == Effect.unknown(1.0)
    assert difference(Sample.of([]), many, 0.05) == Effect(0.0, -inf, inf, 1.0)
    assert mean_interval(Sample.of([2.0] * 3), 0.05) == Effect.unknown(2.0)


def test_units_that_all_said_the_same_prove_nothing_yet() -> None:
    ours, theirs = Sample.of([1.0] * LEAST_UNITS, share=True), Sample.of([1.0] * LEAST_UNITS, share=True)
    found = difference(ours, theirs, 0.05)
    assert (found.estimate, found.p) == (0.0, 1.0)
    assert found.high > 0.2
    # Without that care it would be certain.
    bare = Sample.of([1.0] * LEAST_UNITS)
    assert difference(bare, bare, 0.05).high == 0.0


def test_looking_after_every_unit_keeps_the_promise_and_the_fixed_test_does_not() -> None:
    rng = np.random.default_rng(1)
    runs, units = 600, 1_500
    values = (rng.random((runs, 2, units)) < 0.7).astype(float)
    count = np.arange(1, units + 1)
    mean = values.cumsum(axis=2) / count
    centre = (values.cumsum(axis=2) + 1) / (count + 2)
    variance = (centre * (1 - centre) / (count + 2)).sum(axis=1)
    gap = np.abs(centre[:, 1] - centre[:, 0])[:, LEAST_UNITS - 1 :]
    ever = (gap > half_width(variance, 0.05)[:, LEAST_UNITS - 1 :]).any(axis=1).mean()
    assert ever < 0.05
    plain = np.abs(mean[:, 1] - mean[:, 0]) > 1.96 * np.sqrt((mean * (1 - mean) / count).sum(axis=1))
    assert plain[:, LEAST_UNITS - 1 :].any(axis=1).mean() > 0.25


@settings(deadline=None)
@given(st.floats(0.02, 0.3), st.floats(0.05, 0.5))
def test_more_units_are_needed_for_less_and_for_an_uneven_split(smallest: float, share: float) -> None:
    needed = units_needed(0.2, 0.2, share, smallest)
    finer = units_needed(0.2, 0.2, share, smallest / 2)
    uneven = units_needed(0.2, 0.2, share / 2, smallest)
    assert needed is not None and finer is not None and uneven is not None
    assert finer == pytest.approx(4 * needed, rel=0.05) or needed == 2 * LEAST_UNITS
    assert uneven >= needed


def test_units_are_not_reckoned_from_nothing() -> None:
    assert units_needed(inf, 0.2, 0.5, 0.05) is None
    assert units_needed(0.2, 0.2, 0.0, 0.05) is None
    assert units_needed(0.0, 0.0, 0.5, 0.05) == 2 * LEAST_UNITS


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.floats(0, 0.95))
def test_a_bet_never_loses_all_and_what_is_at_the_limit_changes_nothing(
    values: list[float], limit: float
) -> None:
    wealth = wealth_above(values, limit)
    assert wealth.shape == (len(values),)
    assert (wealth > 0).all()
    assert wealth_above([limit] * 5, limit) == pytest.approx(np.ones(5))


def test_a_limit_that_holds_is_seldom_said_to_be_broken_and_one_that_does_not_is_found() -> None:
    rng = np.random.default_rng(2)
    at_limit = (rng.random((2_000, 600)) < 0.05).astype(float)
    assert (wealth_above(at_limit, 0.05) >= 20).any(axis=1).mean() < 0.05
    above = (rng.random((300, 600)) < 0.12).astype(float)
    assert (wealth_above(above, 0.05) >= 20).any(axis=1).mean() > 0.9
