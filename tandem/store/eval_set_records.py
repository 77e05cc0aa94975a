"""What the store hands out of eval sets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class EvalSetRow:
    """A version of an eval set; see `eval.sets.EvalSet` for what the fields mean."""

    name: str
    number: int
    hash: str
    count: int
    description: str
    note: str
    author: str
    created_at: datetime
    origin: dict[str, Any]
    cases: str | None = None
    """A JSON array; `None` in a list, and empty once they are gone."""
    removed_at: datetime | None = None
    """Since when it is there only for the runs that asked it."""


@dataclass(frozen=True, slots=True)
class EvalSetUse:
    """A version, and who needs it."""

    name: str
    number: int
    count: int
    """How many cases it holds."""
    runs: int
    """Runs whose figures need these cases."""
    running: tuple[str, ...]
    """Ids of those runs that are under way."""
