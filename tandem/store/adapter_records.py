"""What the store hands out of adapters."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """A registered version of an adapter; see `tandem.adapters.AdapterVersion` for what the fields mean."""

    name: str
    number: int
    base: str
    base_hash: str
    data_hash: str
    rank: int
    size: int
    seconds: float
    author: str
    note: str
    created_at: datetime
    unserved: list[str]
    files: dict[str, str]
    sizes: dict[str, int]
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    tags: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class TagMove:
    """A tag came to a version, or was taken away."""

    name: str
    tag: str
    move: int
    """Counted from 1 for each tag of a name."""
    number: int | None
    """The version that has it from then on; `None` where none has."""
    author: str
    reason: str
    moved_at: datetime
