"""What one server does for all of them is done by one, on both databases."""

from datetime import UTC, datetime, timedelta
from threading import Thread

from tandem.store import Store

NOW = datetime(2026, 11, 28, 14, 0, tzinfo=UTC)
TEN = timedelta(seconds=10)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_of_many_that_want_a_turn_one_gets_it(store: Store) -> None:
    turns: list[bool] = []
    asking = [Thread(target=lambda: turns.append(store.take_turn("alerts", TEN, NOW))) for _ in range(8)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert sorted(turns) == [False] * 7 + [True]


def test_a_turn_is_taken_once_in_its_time(store: Store) -> None:
    assert store.last_turn("alerts") is None
    assert store.take_turn("alerts", TEN, NOW)
    assert not store.take_turn("alerts", TEN, after(9))
    assert store.take_turn("other", TEN, after(9))
    assert store.take_turn("alerts", TEN, after(10))
    assert store.last_turn("alerts") == after(10)


def test_without_a_moment_it_is_now(store: Store) -> None:
    assert store.take_turn("sweep", timedelta(hours=1))
    assert not store.take_turn("sweep", timedelta(hours=1))
    assert store.take_turn("sweep", timedelta(0))


def test_a_clock_that_was_set_back_stops_nothing(store: Store) -> None:
    assert store.take_turn("alerts", TEN, NOW)
    assert store.take_turn("alerts", TEN, after(-3_600))
    assert store.last_turn("alerts") == after(-3_600)
