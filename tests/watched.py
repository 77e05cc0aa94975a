"""Answers as they are observed, for what watches them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from tandem.store import Observation, Store

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
_numbers = count()


def seen(**fields: Any) -> Observation:
    """One answer of a minute ago, with what is other than usual."""
    usual: dict[str, Any] = {
        "trace_id": f"trace-{next(_numbers)}",
        "tenant": "acme",
        "at": NOW - timedelta(minutes=1),
        "recipe": "rag@aaaaaaaaaaaa",
        "outcome": "answered",
        "passages": 3,
        "evidence": 0.9,
        "first_token_ms": 400.0,
        "total_ms": 900.0,
        "tokens_in": 100,
        "tokens_out": 20,
        "cited": 1.0,
    }
    return Observation(**usual | fields)


def several(n: int, **fields: Any) -> Iterator[Observation]:
    """The same `n` times."""
    return (seen(**fields) for _ in range(n))


def keep(store: Store, *answers: Observation | Iterator[Observation]) -> None:
    """Write answers to the store."""
    for one in answers:
        for answer in (one,) if isinstance(one, Observation) else one:
            store.add_observation(answer)
