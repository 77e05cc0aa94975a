"""Many comparisons at once, by worked examples and SciPy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from eval.statistics import benjamini_hochberg, holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@given(p_values)
def test_the_false_discovery_rate_is_that_of_scipy(values: list[float]) -> None:
    assert benjamini_hochberg(values) == pytest.approx(false_discovery_control(values).tolist())


@given(p_values, st.randoms())
def test_holm_keeps_the_order_and_lowers_nothing(values: list[float], shuffle) -> None:
    adjusted = holm(values)
    assert all(
        raw <= one <= min(1, raw * len(values)) + 1e-12 for raw, one in zip(values, adjusted, strict=True)
    )
    by_raw = [one for _, one in sorted(zip(values, adjusted, strict=True))]
    assert by_raw == sorted(by_raw)
    assert all(
        one >= two - 1e-12 for one, two in zip(adjusted, benjamini_hochberg(values), strict=True)
    )  # but for rounding
    places = list(range(len(values)))
    shuffle.shuffle(places)
    assert holm([values[n] for n in places]) == pytest.approx([adjusted[n] for n in places])


def test_what_is_no_chance_is_refused() -> None:
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="lies in"):
            holm([0.5, wrong])
