"""When a part is asked, left alone, and tried."""

import pytest

from tandem.breaker import Breaker, BreakerState


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(clock: Clock) -> Breaker:
    breaker = Breaker(3, 10.0, clock)
    for _ in range(3):
        assert breaker.admits()
        breaker.failed()
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not_let_them_add_up(clock: Clock) -> None:
    breaker = Breaker(3, 10.0, clock)
    for outcome in (breaker.failed, breaker.failed, breaker.succeeded, breaker.failed, breaker.failed):
        outcome()
    assert breaker.is_closed
    breaker.failed()
    assert not breaker.is_closed
    assert not breaker.admits()


def test_one_that_is_known_to_be_gone_is_left_alone_at_once_and_tried_as_any(clock: Clock) -> None:
    breaker = Breaker(3, 10.0, clock)
    breaker.open()
    assert not breaker.admits()
    clock.now += 10.0
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.is_closed


def test_one_call_at_a_time_tries_whether_the_part_is_back(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 9.9
    assert not breaker.admits()
    clock.now += 0.1
    assert breaker.admits()
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.admits()
    breaker.succeeded()
    assert breaker.is_closed
    assert breaker.admits()


def test_a_try_that_fails_opens_it_for_as_long_again(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 10
    assert breaker.admits()
    breaker.failed()
    assert breaker.state is BreakerState.OPEN
    assert breaker.retry_after == 10
    clock.now += 9.9
    assert not breaker.admits()


def test_a_try_that_was_given_up_makes_way_for_another(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 10
    assert breaker.admits()
    clock.now += 10
    assert breaker.admits()


def test_a_call_that_goes_well_so_far_closes_it_until_the_next_failure(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 10
    assert breaker.admits()
    breaker.begun()
    assert breaker.is_closed
    breaker.failed()
    assert not breaker.is_closed
    clock.now += 10
    assert breaker.admits()
    breaker.begun()
    breaker.succeeded()
    breaker.failed()
    assert breaker.is_closed


def test_what_began_before_it_opened_says_nothing_about_now(clock: Clock) -> None:
    breaker = opened(clock)
    clock.now += 5
    breaker.succeeded()
    assert not breaker.is_closed
    breaker.failed()
    assert breaker.retry_after == 5
