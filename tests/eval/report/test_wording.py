import math

import pytest

from eval.comparison import Interval
from eval.report import wording


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.4123, "share", "41.2%"),
        (0.4123, "score", "41.2"),
        (-0.0001, "share", "0.0%"),
        (0.843, "seconds", "0.84 s"),
        (12.34, "seconds", "12.3 s"),
        (1234.5, "tokens", "1,234"),
        (3.14, "count", "3.1"),
        (None, "share", "–"),
        (math.nan, "score", "–"),
        (math.inf, "seconds", "–"),
    ],
)
def test_a_figure_has_its_unit(value, unit, words) -> None:
    assert wording.amount(value, unit) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.062, "share", "+6.2"),
        (-0.062, "score", "−6.2"),
        (0.0001, "share", "0.0"),
        (-1.5, "seconds", "−1.50"),
    ],
)
def test_a_difference_has_its_sign(value, unit, words) -> None:
    assert wording.change(value, unit) == words


def test_an_interval_is_said_from_low_to_high() -> None:
    assert wording.spread(Interval(mean=0, low=-0.034, high=0.02), "score") == "−3.4 to 2.0"


@pytest.mark.parametrize(("value", "words"), [(74, "74 s"), (2200.6, "37 min"), (9000, "2.5 h"), (None, "–")])
def test_a_machine_works_for_seconds_minutes_or_hours(value, words) -> None:
    assert wording.duration(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0.00"),
        (0.0513, "0.051"),
        (0.00042, "0.00042"),
        (12.345, "12.35"),
        (4200.4, "4,200"),
        (None, "–"),
    ],
)
def test_money_keeps_two_figures_that_say_something(value, words) -> None:
    assert wording.money(value) == words


def test_what_no_page_may_hold_is_replaced() -> None:
    assert wording.clean("a\x00b\u202ec\ud800d\r\ne\tf") == "a\ufffdb\ufffdc\ufffdd\ne\tf"


def test_a_time_is_said_in_words_and_what_is_none_stays() -> None:
    assert wording.day("2026-11-28T12:40:00+02:00") == "28 November 2026, 10:40 UTC"
    assert wording.day("yesterday") == "yesterday"


def test_small_chances_have_no_digits_that_were_not_measured() -> None:
    assert wording.chance(0.0000312).endswith("0.001")
    assert wording.chance(0.0421) == "0.042"
