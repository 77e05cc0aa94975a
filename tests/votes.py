"""A trace, its observation and its tenant, for tests of feedback."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tandem.store import Observation, Store, Trace, Vote
from tandem.vocabulary import Caller

ACME, STRANGER = Caller("acme", "key:1"), Caller("other")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRACE = Trace(
    id="t1",
    tenant="acme",
    recipe="rag@1",
    prompt_version="rag@1",
    question="When does the gate close?",
    corpora=[],
    answer="At seven [1].",
    abstained=False,
    created_at=NOW,
    tokens_in=10,
    tokens_out=3,
    timings={"total": 1.5},
    passages=["chunk"],
    citations=[{"n": 1, "document_id": "d1", "quote": "closes at seven"}],
)
SEEN = Observation("t1", "acme", NOW, "rag@1", "answered")
VOTE = Vote("t1", "acme", "ann", "up")


def answered(store: Store, trace_id: str = "t1", **observed: Any) -> None:
    """Keep the trace under this id, with its observation."""
    store.add_trace(replace(TRACE, id=trace_id), replace(SEEN, trace_id=trace_id, **observed))
