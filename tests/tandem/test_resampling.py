"""Intervals cover what they are to cover, and are narrower where pairs are used."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.resampling import bootstrap_difference, bootstrap_mean, bootstrap_ratio

values = st.lists(st.floats(-5, 5), min_size=1, max_size=30)


@given(values)
def test_a_mean_lies_in_its_interval_and_the_interval_among_the_values(known: list[float]) -> None:
    found = bootstrap_mean(known)
    assert min(known) - 1e-9 <= found.low <= found.high <= max(known) + 1e-9
    assert found.mean == pytest.approx(sum(known) / len(known))


def test_the_interval_is_as_wide_as_theory_says() -> None:
    drawn = np.random.default_rng(1).normal(0, 1, 400)
    found = bootstrap_mean(list(drawn))
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.12)


def test_a_difference_of_pairs_forgets_what_both_have_in_common() -> None:
    hard = list(np.random.default_rng(2).uniform(0, 1, 50))
    found = bootstrap_difference([one + 0.1 for one in hard], hard)
    assert found.mean == pytest.approx(0.1)
    assert found.high - found.low < 1e-6
    apart = bootstrap_mean(hard)
    assert apart.high - apart.low > 0.1
    with pytest.raises(ValueError, match=r"shorter|longer"):
        bootstrap_difference([1.0], [])


def test_a_ratio_weighs_each_case_by_its_whole() -> None:
    found = bootstrap_ratio([1, 0, 0], [1, 0, 3])
    assert found.mean == pytest.approx(0.25)
    assert (found.low, found.high) == (0.0, 1.0)
    alike = bootstrap_ratio([1, 2], [2, 4])
    assert (alike.low, alike.high) == (0.5, 0.5)
    with pytest.raises(ValueError, match="nothing"):
        bootstrap_ratio([0], [0])
    with pytest.raises(ValueError, match="nothing"):
        bootstrap_mean([])
