"""Shown not to be worse, shown to be worse, or neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.noninferiority import Standing, overall, standing
from tandem.resampling import Estimate

PASS, WORSE, CANNOT_TELL = Standing.PASS, Standing.WORSE, Standing.CANNOT_TELL


@pytest.mark.parametrize(
    ("mean", "low", "high", "expected"),
    [
        (0.00, -0.01, 0.01, PASS),
        (0.00, -0.02, 0.02, PASS),  # the tolerance itself is tolerated
        (-0.015, -0.019, -0.011, PASS),  # surely worse, and surely by less than matters
        (0.30, 0.10, 0.50, PASS),
        (0.00, -0.03, 0.03, CANNOT_TELL),
        (0.10, -0.05, 0.25, CANNOT_TELL),  # better by the best guess, and no more is known
        (-0.05, -0.11, 0.01, CANNOT_TELL),
        (-0.015, -0.029, -0.001, CANNOT_TELL),  # worse, by what may be tolerated
        (-0.05, -0.09, -0.01, WORSE),
        (-0.50, -0.60, -0.40, WORSE),
    ],
)
def test_the_interval_decides(mean: float, low: float, high: float, expected: Standing) -> None:
    assert standing(Estimate(mean, low, high), 0.02) is expected


def test_without_tolerance_it_must_be_better() -> None:
    assert standing(Estimate(0.1, 0.01, 0.2), 0.0) is PASS
    assert standing(Estimate(0.1, -0.01, 0.2), 0.0) is CANNOT_TELL


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.floats(0, 1), st.floats(0, 1))
def test_more_tolerance_is_never_stricter(ends: list[float], one: float, other: float) -> None:
    low, mean, high = sorted(ends)
    order = [WORSE, CANNOT_TELL, PASS]
    strict, mild = (order.index(standing(Estimate(mean, low, high), size)) for size in sorted((one, other)))
    assert strict <= mild


def test_all_must_pass() -> None:
    assert overall([PASS, PASS]) is PASS
    assert overall([PASS, CANNOT_TELL]) is CANNOT_TELL
    assert overall([CANNOT_TELL, WORSE, PASS]) is WORSE
