"""What the store takes and hands out about jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

WAITING = "waiting"
FINAL_STATES = (
    "created",
    "replaced",
    "unchanged",
    "duplicate",
    "unpacked",
    "removed",
    "failed",
    "cancelled",
)
"""What can become of a document in a job."""


@dataclass(frozen=True, slots=True)
class NewJobDocument:
    """A document that a job is to do."""

    uri: str
    name: str
    source: int
    """Place of its source in the manifest; -1 for none."""
    locator: Mapping[str, Any] = field(default_factory=dict)
    """What its source needs to fetch it, as JSON."""
    revision: str | None = None
    content: bytes | None = None
    """The file itself, where the job is to hold it."""
    depth: int = 0
    """In how many archives or e-mails it lies."""


@dataclass(frozen=True, slots=True)
class JobDocument:
    """A document of a job, and how far it is."""

    place: int
    state: str
    """`waiting`, or one of `FINAL_STATES`."""
    uri: str
    name: str
    source: int
    locator: Mapping[str, Any]
    revision: str | None
    content_hash: str | None
    depth: int
    tries: int
    due_at: datetime
    ended_at: datetime | None
    document_id: str | None
    chunks: int
    tokens: int
    warnings: list[str]
    error: dict[str, Any] | None
    """`type`, `message`, `hint` of the last failure."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document; `state` is one of `FINAL_STATES`."""

    state: str
    document_id: str | None = None
    chunks: int = 0
    tokens: int = 0
    warnings: tuple[str, ...] = ()
    error: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """An ingestion job."""

    id: str
    tenant: str
    corpus: str
    state: str
    """`queued`, `running`, `done`, `failed` or `cancelled`."""
    sync: bool
    """Whether documents that its sources no longer have are removed."""
    cancelling: bool
    listed: bool
    """Whether all of its documents are known."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: dict[str, Any] | None
    manifest: dict[str, Any]
    counts: Mapping[str, int]
    """State of documents to how many there are."""
    chunks: int
    """Written by it, as are the tokens; what was unchanged is not among them."""
    tokens: int
    groups: tuple[str, ...] | None = None
    """Access groups of whoever asked for it; `None` where that one sees everything."""

    @property
    def total(self) -> int:
        """Documents that are known so far."""
        return sum(self.counts.values())

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it by itself."""
        return self.state not in ("queued", "running")


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to a job, until another worker takes it."""

    job_id: str
    number: int
