"""What the store hands out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tandem.vocabulary import Heading, Page


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """The current version of a document."""

    id: str
    tenant: str
    corpus: str
    uri: str
    title: str
    media_type: str
    content_hash: str
    version: str
    chunks: int
    created_at: datetime
    """When this version was read, in UTC."""
    size_chars: int
    text: str | None = None
    """`None` in a list; so are `pages` and `headings` empty there."""
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingVersion:
    """A version that no reader may see, and whose chunks may still be in the index."""

    tenant: str
    corpus: str
    document_id: str
    version: str


@dataclass(frozen=True, slots=True)
class CorpusSummary:
    """One corpus and its size. A corpus exists as long as it holds a document."""

    name: str
    documents: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Trace:
    """One answered question, as kept."""

    id: str
    tenant: str
    recipe: str
    prompt_version: str
    question: str
    corpora: list[str]
    """The corpora that the question was limited to; empty for all."""
    answer: str
    abstained: bool
    created_at: datetime
    tokens_in: int
    tokens_out: int
    timings: dict[str, float]
    """Milliseconds per step."""
    passages: list[str]
    """Ids of the chunks in the prompt."""
    citations: list[dict[str, Any]]
