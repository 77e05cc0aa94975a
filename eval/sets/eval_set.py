"""One version of an eval set: its cases, and what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from eval.case import EvalCase


@dataclass(frozen=True, slots=True)
class EvalSetSummary:
    """A version without its cases. It never changes: other cases make another number."""

    name: str
    number: int
    """1 is the first."""
    hash: str
    """SHA-256, in hex, of the cases: see `eval.sets.hashing`."""
    count: int
    """How many cases it holds."""
    description: str
    note: str
    """Why this version was made."""
    author: str
    created_at: datetime
    origin: Mapping[str, Any] = field(default_factory=dict)
    """What it was made of, and how it was reviewed; JSON."""

    @property
    def ref(self) -> str:
        """`NAME@NUMBER`."""
        return f"{self.name}@{self.number}"

    @property
    def unseen(self) -> int:
        """Cases that were made by a model and accepted without being looked at; reports say so."""
        return int(self.origin.get("review", {}).get("unseen", 0))


@dataclass(frozen=True, slots=True)
class EvalSet(EvalSetSummary):
    """A version with its cases, in the order that they were given in."""

    cases: tuple[EvalCase, ...] = ()
