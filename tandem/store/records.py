"""What the store hands out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tandem.vocabulary import Block, Document, Heading, Marks, Page


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
    marks: Marks = Marks()
    duplicate_of: str | None = None
    """The document that holds the same text and is searched in its place."""
    text: str | None = None
    """`None` in a list; so are `pages`, `headings` and `blocks` empty there."""
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    blocks: tuple[Block, ...] = ()

    def as_document(self) -> Document:
        """The document as it was read. Only of a record with its text."""
        if self.text is None:
            raise ValueError("a record of a list has no text")
        return Document(
            tenant=self.tenant,
            corpus=self.corpus,
            uri=self.uri,
            title=self.title,
            media_type=self.media_type,
            text=self.text,
            content_hash=self.content_hash,
            pages=self.pages,
            headings=self.headings,
            blocks=self.blocks,
            marks=self.marks,
        )


@dataclass(frozen=True, slots=True)
class Original:
    """The version of a document that says the same as another one."""

    document_id: str
    version: str


@dataclass(frozen=True, slots=True)
class Revision:
    """The source's own sign of the state that a version was read from."""

    version: str
    revision: str


@dataclass(frozen=True, slots=True)
class PendingVersion:
    """A version that no reader may see, and whose chunks may still be in the index."""

    tenant: str
    corpus: str
    document_id: str
    version: str
    uri: str


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
    """Ids of the chunks in the prompt; empty, as is the answer, once one of their documents was deleted."""
    citations: list[dict[str, Any]]
    documents: tuple[str, ...] = ()
    """Ids of the documents that the passages are from."""
    evidence: float | None = None
    """Probability that the passages hold the answer; `None` where none were looked for."""
    experiment: str | None = None
    arm: str | None = None
    unit: str | None = None
    """As in `Observation`, and so is what is below but `conversation`, a hash of its name."""
    conversation: str | None = None
    degraded: bool | None = None
    distance: float | None = None
    outside: bool | None = None
    shadow: bool | None = None
    sampled: bool | None = None
    """`False` for one that sampling leaves out in a while, unless somebody votes on it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A worker's wish that nothing is begun in what it is removing."""

    id: str
    worker: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a deletion has removed, and where. It names ids, and nothing that the removed said."""

    id: str
    tenant: str
    corpus: str | None
    document_id: str | None
    created_at: datetime
    removed: dict[str, int]
    """Place, such as `index.chunks` or `store.traces`, to how many were removed there."""


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """A collection of the index, and the embedder that its vectors are of."""

    name: str
    embedding: dict[str, Any]
    """The settings that decide what a vector means."""
    fingerprint: str
    dimension: int
    created_at: datetime
    state: str = "building"
    """`building`, `active` (it answers), or `retired`."""
    switched_at: datetime | None = None
    """When it last began to answer."""


@dataclass(frozen=True, slots=True)
class Reindexing:
    """A re-embedding of all documents, and how far it is."""

    id: str
    state: str
    """`queued`, `running`, `done` or `failed`."""
    unfinished: bool | None
    embedding: dict[str, Any] | None
    """Settings of the embedder that is wanted; `None` where it goes back to the collection before."""
    worker: str | None
    documents: int
    total: int
    chunks: int
    """Embedded for it so far."""
    created_at: datetime
    ended_at: datetime | None
    error: dict[str, Any] | None

    @property
    def wanted(self) -> str:
        """The embedder, for people."""
        return "back to the embedder before" if self.embedding is None else str(self.embedding["model"])
