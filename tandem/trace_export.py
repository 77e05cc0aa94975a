"""Traces with the feedback on them, as they are shown and exported: redacted, and plain JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from tandem.redaction import Redactor, redacted_trace
from tandem.store import Feedback, Store, Trace, TraceWish
from tandem.vocabulary import Caller

_PAGE = 200
Place = tuple[datetime, str]
"""The moment and the id of a trace: where a page, or an export, goes on."""


def exported(
    store: Store, caller: Caller, wish: TraceWish, redactor: Redactor | None, after: Place | None = None
) -> Iterator[dict[str, Any]]:
    """All traces that are wanted, the oldest first, a page of them in memory at a time. Blocking."""
    while page := store.trace_page(caller, wish, after=after, limit=_PAGE, oldest_first=True):
        yield from as_json(store, caller, page, redactor)
        after = (page[-1].created_at, page[-1].id)


def as_json(
    store: Store, caller: Caller, traces: Sequence[Trace], redactor: Redactor | None
) -> list[dict[str, Any]]:
    """Traces with their feedback. What was kept before `traces.redact` was set is redacted here."""
    votes: dict[str, list[Feedback]] = {}
    ids = [trace.id for trace in traces]
    for vote in store.feedbacks(caller, trace_ids=ids, limit=_PAGE * 100):
        votes.setdefault(vote.trace_id, []).append(vote)
    return [_trace(redacted_trace(one, redactor), votes.get(one.id, []), redactor) for one in traces]


def feedback_json(vote: Feedback, redactor: Redactor | None) -> dict[str, Any]:
    """One vote, without who cast it."""
    said = asdict(vote) | {"at": _moment(vote.at), "created_at": _moment(vote.created_at)}
    said["reviewed_at"] = None if vote.reviewed_at is None else _moment(vote.reviewed_at)
    said["tags"] = list(vote.tags)
    if redactor is not None:
        said |= {name: redactor.redact(said[name]) for name in ("comment", "correction")}
    return {name: value for name, value in said.items() if name not in ("tenant", "voter")}


def outcome_of(trace: Trace) -> str:
    """What came of the question: `answered`, `abstained` or `degraded`."""
    return "degraded" if trace.degraded else "abstained" if trace.abstained else "answered"


def _trace(trace: Trace, votes: Sequence[Feedback], redactor: Redactor | None) -> dict[str, Any]:
    said = asdict(trace) | {"created_at": _moment(trace.created_at), "documents": list(trace.documents)}
    left_out = ("tenant", "sampled", *(() if trace.documents else ("documents",)))
    return {name: value for name, value in said.items() if name not in left_out} | {
        "outcome": outcome_of(trace),
        "feedback": [feedback_json(vote, redactor) for vote in votes],
    }


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
