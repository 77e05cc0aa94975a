"""How much so many cases show, by the books' worked examples."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from eval.statistics import cases_needed, detectable_difference, power_of, sign_flip


def test_the_figures_are_those_of_cohens_tables() -> None:
    # Effects of 0.5 and 0.2 standard deviations need 34 and 199 pairs for a power of 80% (G*Power: the same).
    assert cases_needed(0.5, 1.0) == 34
    assert cases_needed(0.2, 1.0) == 199
    assert power_of(0.5, 1.0, 34) == pytest.approx(0.808, abs=5e-4)
    assert power_of(0.2, 1.0, 199) == pytest.approx(0.8016, abs=2e-3)


def test_the_three_say_the_same() -> None:
    size = detectable_difference(0.3, 232)
    assert power_of(size, 0.3, 232) == pytest.approx(0.8, abs=1e-4)
    assert cases_needed(size * 1.0001, 0.3) == 232
    assert size == pytest.approx((1.95996 + 0.84162) * 0.3 / 232**0.5, rel=0.01)  # the normal rule of thumb
    assert detectable_difference(0.3, 2) > 1


def test_without_a_difference_the_chance_is_the_level() -> None:
    assert power_of(0.0, 0.3, 50) == pytest.approx(0.05)
    assert power_of(0.3, 0.0, 50) == 1.0
    assert power_of(1.0, 0.001, 50) == 1.0
    assert detectable_difference(0.0, 50) == 0.0
    assert cases_needed(1e-9, 1.0, most=1_000) == 1_000
    with pytest.raises(ValueError, match="zero"):
        cases_needed(0.0, 1.0)
    with pytest.raises(ValueError, match="two units"):
        power_of(0.1, 0.3, 1)


def test_the_permutation_test_finds_what_is_promised() -> None:
    rng = np.random.default_rng(8)
    cases, spread = 60, 0.4
    size = detectable_difference(spread, cases)
    runs = rng.normal(size, spread, (150, cases))
    found = np.mean([sign_flip(one.tolist()) < 0.05 for one in runs])
    assert found == pytest.approx(0.8, abs=0.09)
    by_t = np.mean(ttest_1samp(runs, 0, axis=1).pvalue < 0.05)
    assert found == pytest.approx(by_t, abs=0.03)
