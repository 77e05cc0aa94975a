"""Traces are kept whole and for their tenant only, on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tandem.errors import NotFoundError
from tandem.store import Store, Trace
from tandem.vocabulary import Caller

TRACE = Trace(
    id="trace-1",
    tenant="acme",
    recipe="rag@1",
    prompt_version="rag@1",
    question="Wo?",
    corpora=["docs"],
    answer="Hier [1].",
    abstained=False,
    created_at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
    tokens_in=10,
    tokens_out=3,
    timings={"retrieve": 1.5},
    passages=["chunk"],
    citations=[{"n": 1, "quote": "hier"}],
)


def test_a_trace_comes_back_as_it_was(store: Store) -> None:
    store.add_trace(TRACE)
    assert store.trace(Caller("acme"), "trace-1") == TRACE


def test_a_trace_of_another_tenant_does_not_exist(store: Store) -> None:
    store.add_trace(TRACE)
    with pytest.raises(NotFoundError):
        store.trace(Caller("other"), "trace-1")


def test_a_moment_of_another_zone_comes_back_in_utc(store: Store) -> None:
    there = TRACE.created_at.astimezone(timezone(timedelta(hours=5)))
    store.add_trace(replace(TRACE, created_at=there))
    found = store.trace(Caller("acme"), "trace-1").created_at
    assert found == TRACE.created_at
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize("name", ["\x00", "a\ud800", "x" * 1000])
def test_a_name_that_no_database_takes_is_just_not_found(store: Store, name: str) -> None:
    with pytest.raises(NotFoundError):
        store.trace(Caller("acme"), name)


def test_a_question_of_broken_characters_is_kept(store: Store) -> None:
    store.add_trace(replace(TRACE, question="a\ud800\x00", answer="\udfff"))
    assert store.trace(Caller("acme"), "trace-1").question == "a\ufffd\ufffd"


def test_broken_characters_inside_lists_do_not_stop_a_trace(store: Store) -> None:
    citations = [{"n": 1, "quote": "a\x00\ud800\U0001f600"}]
    store.add_trace(replace(TRACE, citations=citations))
    assert store.trace(Caller("acme"), "trace-1").citations == citations
