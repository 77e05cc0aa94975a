"""Traces go when their time has come, by one server for all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from votes import ACME, SEEN, TRACE, VOTE

from server.tracing import retention
from server.tracing.retention import sweep_traces
from tandem.settings import TraceSettings
from tandem.store import Store, TraceWish

SETTINGS = TraceSettings(keep_days=2, observations_days=3, settle_minutes=60, sample_always=("voted",))


def add(store: Store, trace_id: str, age: timedelta, sampled: bool = True) -> None:
    at = datetime.now(UTC) - age
    seen = replace(SEEN, trace_id=trace_id, at=at)
    store.add_trace(replace(TRACE, id=trace_id, created_at=at, sampled=sampled), seen)


def ids(store: Store) -> list[str]:
    return [one.id for one in store.trace_page(ACME, TraceWish(), oldest_first=True)]


async def test_each_goes_at_its_own_age(store: Store) -> None:
    add(store, "gone", timedelta(days=4))
    add(store, "words gone", timedelta(days=2.5))
    add(store, "left out", timedelta(hours=2), sampled=False)
    add(store, "voted on", timedelta(hours=2), sampled=False)
    add(store, "may be voted on", timedelta(minutes=30), sampled=False)
    add(store, "kept", timedelta(days=1))
    store.vote(replace(VOTE, trace_id="voted on"))
    store.vote(replace(VOTE, trace_id="words gone", comment="good"))
    await sweep_traces(store, SETTINGS)
    assert ids(store) == ["kept", "voted on", "may be voted on"]
    seen = store.observations(since=datetime.now(UTC) - timedelta(days=9))
    assert {one.trace_id for one in seen} == {
        "words gone",
        "left out",
        "voted on",
        "may be voted on",
        "kept",
    }
    assert {(one.trace_id, one.comment) for one in store.feedbacks(ACME)} == {
        ("voted on", ""),
        ("words gone", ""),
    }


async def test_more_than_a_batch_goes_in_one_turn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    for number in range(5):
        add(store, f"t{number}", timedelta(days=9))
    await sweep_traces(store, SETTINGS)
    assert ids(store) == []


async def test_another_server_does_not_do_it_again(store: Store) -> None:
    await sweep_traces(store, SETTINGS)
    add(store, "old", timedelta(days=9))
    await sweep_traces(store, SETTINGS)
    assert ids(store) == ["old"]
