"""An alert waits, fires once, stays, and is over; flapping fires once in its cool-down."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from watched import NOW

from tandem.monitoring import AlertRule, Reading
from tandem.monitoring.alert import FIRING, PENDING, RESOLVED, Alert
from tandem.monitoring.states import advance

RULE = AlertRule(name="r", metric="failed_share", above=0.1, for_s=60, window_s=300, cool_down_s=600)
BAD = Reading("all", True, 0.5, 0.3, 0.7, 40, 0.1)
GOOD = replace(BAD, crossed=False, value=0.0)
UNKNOWN = replace(BAD, crossed=None, answers=3)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def step(
    alert: Alert | None, reading: Reading, seconds: float, cooled: datetime | None = None
) -> Alert | None:
    return advance(alert, reading, RULE, after(seconds), "id", cooled)


def fired() -> Alert:
    alert = step(step(None, BAD, 0), BAD, 60)
    assert alert is not None and alert.state == FIRING
    return alert


def test_it_fires_only_once_it_has_been_so_for_long_enough() -> None:
    first = step(None, BAD, 0)
    assert first is not None and (first.state, first.since) == (PENDING, NOW)
    second = step(first, BAD, 59)
    assert second is not None and second.state == PENDING
    third = step(second, BAD, 60)
    assert third is not None and (third.state, third.fired_at, third.since) == (FIRING, after(60), NOW)


def test_what_was_only_pending_leaves_nothing_behind() -> None:
    pending = step(None, BAD, 0)
    assert step(pending, GOOD, 10) is None
    assert step(pending, UNKNOWN, 10) is None


def test_it_is_resolved_when_the_value_comes_back() -> None:
    over = step(fired(), GOOD, 90)
    assert over is not None and (over.state, over.resolved_at, over.value) == (RESOLVED, after(90), 0.0)


def test_one_of_which_nothing_can_be_told_stays_for_a_window() -> None:
    alert = fired()
    assert step(alert, UNKNOWN, 300) == alert
    over = step(alert, UNKNOWN, 361)
    assert over is not None and (over.state, over.note) == (RESOLVED, "too few answers to tell")
    assert over.value == 0.5, "the figures are those that it fired on"


def test_nothing_begins_in_the_cool_down_nor_of_nothing() -> None:
    assert step(None, BAD, 10, cooled=after(11)) is None
    assert step(None, BAD, 11, cooled=after(11)) is not None
    assert step(None, GOOD, 0) is None
    assert step(None, UNKNOWN, 0) is None


@given(st.lists(st.sampled_from([BAD, GOOD, UNKNOWN]), max_size=40))
def test_whatever_is_read_an_alert_that_fires_has_been_pending_and_is_resolved_once(
    read: list[Reading],
) -> None:
    alert: Alert | None = None
    for number, reading in enumerate(read):
        before = alert
        alert = step(before, reading, number * 30)
        if alert is not None and alert.state == FIRING:
            assert before is not None
        if alert is not None and alert.state == RESOLVED:
            assert before is not None and before.state == FIRING
            alert = None
