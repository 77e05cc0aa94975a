"""Pages of traces are narrowed, in order and of one tenant, on both databases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from votes import ACME, NOW, STRANGER, TRACE

from tandem.store import Store, TraceWish, Vote


@pytest.fixture
def traces(store: Store) -> Store:
    made: list[dict[str, Any]] = [
        {},
        {"abstained": True, "recipe": "rag@2"},
        {"degraded": True, "abstained": True, "recipe": "rag_x@1"},
        {"experiment": "x", "degraded": False},
    ]
    for number, fields in enumerate(made):
        # Two of them at the same moment: the id alone tells them apart.
        at = NOW + timedelta(minutes=number // 2)
        store.add_trace(replace(TRACE, id=f"t{number}", created_at=at, **fields))
    store.add_trace(replace(TRACE, id="t9", tenant="other"))
    store.vote(Vote("t0", "acme", "ann", "up"))
    store.vote(Vote("t1", "acme", "ann", "down"))
    return store


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        (TraceWish(), "t3 t2 t1 t0"),
        (TraceWish(since=NOW + timedelta(minutes=1)), "t3 t2"),
        (TraceWish(until=NOW + timedelta(minutes=1)), "t1 t0"),
        (TraceWish(recipe="rag"), "t3 t1 t0"),
        (TraceWish(recipe="rag@1"), "t3 t0"),
        (TraceWish(outcome="answered"), "t3 t0"),
        (TraceWish(outcome="abstained"), "t1"),
        (TraceWish(outcome="degraded"), "t2"),
        (TraceWish(experiment="x"), "t3"),
        (TraceWish(voted="any"), "t1 t0"),
        (TraceWish(voted="none"), "t3 t2"),
        (TraceWish(voted="up", recipe="rag"), "t0"),
        (TraceWish(voted="down", outcome="answered"), ""),
    ],
)
def test_each_part_of_a_wish_narrows(traces: Store, wish: TraceWish, found: str) -> None:
    assert [one.id for one in traces.trace_page(ACME, wish)] == found.split()


@pytest.mark.parametrize("oldest_first", [True, False])
def test_pages_go_on_where_the_one_before_ended(traces: Store, oldest_first: bool) -> None:
    whole = traces.trace_page(ACME, TraceWish(), oldest_first=oldest_first)
    seen, last = [], None
    while page := traces.trace_page(ACME, TraceWish(), after=last, limit=1, oldest_first=oldest_first):
        seen += page
        last = (page[-1].created_at, page[-1].id)
    assert seen == whole and len(whole) == 4


def test_another_tenant_has_pages_of_its_own(traces: Store) -> None:
    assert [one.id for one in traces.trace_page(STRANGER, TraceWish())] == ["t9"]
