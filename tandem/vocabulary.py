"""The words of Tandem as types. Everything that crosses a module border is one of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

# A namespace of our own, so that ids made elsewhere cannot meet these.
_NAMESPACE = UUID("5f0d3c3e-7d0b-5b1e-9a51-7a1d3e0f2c64")

DEFAULT_TENANT = "default"
DEFAULT_CORPUS = "docs"

Scalar = str | int | float | bool
"""A value of a document's metadata."""


class KeyScope(StrEnum):
    """What a key allows. `admin` allows all within its tenant; `operator` what serves every tenant besides; `metrics`
    nothing but the figures of all tenants.
    """

    CHAT = "chat"
    INGEST = "ingest"
    EVALUATE = "evaluate"
    METRICS = "metrics"
    ADMIN = "admin"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Made by the service from credentials, never from a request's body.

    The default is whoever owns the process and its data folder: the command line.
    """

    tenant: str = DEFAULT_TENANT
    subject: str = "local"
    """Who, for histories and the audit log: `key:ID`, `user:SUBJECT` of a token, or `local`."""
    scopes: frozenset[KeyScope] = frozenset(KeyScope)
    groups: tuple[str, ...] | None = None
    """Access groups, of which a restricted document names one; `None` sees every document of the tenant."""

    def may(self, scope: KeyScope) -> bool:
        """Whether it may do what needs `scope`."""
        if scope in self.scopes:
            return True
        if scope is KeyScope.OPERATOR:
            return False
        by_operators = scope in (KeyScope.ADMIN, KeyScope.METRICS)
        above = {KeyScope.OPERATOR} if by_operators else {KeyScope.ADMIN, KeyScope.OPERATOR}
        return not above.isdisjoint(self.scopes)


@dataclass(frozen=True, slots=True)
class Range:
    """A closed range of numbers; an open end is `None`."""

    least: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """What a document must be marked with to be searched. Every part narrows; an empty part does not."""

    tags: tuple[str, ...] = ()
    """All of them."""
    metadata: tuple[tuple[str, tuple[Scalar, ...] | Range], ...] = ()
    """Keys, each with the values of which it has one, or the range in which its number lies."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What one caller's search may see: one tenant, some of its corpora (all when `None`), some documents.

    Nothing that a request names makes it wider: that narrows, and tenant and groups are the caller's.
    """

    tenant: str
    corpora: tuple[str, ...] | None = None
    where: Where = Where()
    groups: tuple[str, ...] | None = None
    """Access groups of whoever asks, as `Caller.groups`."""

    @classmethod
    def of(cls, caller: Caller, corpora: Sequence[str] | None = None, where: Where | None = None) -> "Scope":
        """The only way from a caller to a filter."""
        named = None if corpora is None else tuple(corpora)
        return cls(caller.tenant, named, where or Where(), caller.groups)


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of characters in a document's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a document: its number, from 1, and where its text stands."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, with its depth from 1 and the place in the text from which it holds."""

    level: int
    title: str
    start: int


class BlockKind(StrEnum):
    """What is kept whole where it fits."""

    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """A table or a piece of code, and its place in the text."""

    kind: BlockKind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Marks:
    """What the owner says of a document beside its text; questions can be narrowed by it."""

    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    expires_at: datetime | None = None
    """From this moment on, with its zone, no answer is drawn from the document."""


@dataclass(frozen=True, slots=True)
class Document:
    """One source, as read: its text and structure. Known by (tenant, corpus, uri), versioned by content."""

    tenant: str
    corpus: str
    uri: str
    title: str
    media_type: str
    text: str
    content_hash: str
    """SHA-256 of the source's bytes, in hex."""
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    blocks: tuple[Block, ...] = ()
    marks: Marks = Marks()
    groups: tuple[str, ...] | None = None
    """Access groups that the document is to have from this version on, none for everybody; `None` leaves
    them as they are. They belong to the document, not to a version."""

    @property
    def id(self) -> str:
        """The same for every version of this source."""
        return document_id(self.tenant, self.corpus, self.uri)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of one document version that is indexed; `document.text[start:end] == text` holds."""

    id: str
    tenant: str
    corpus: str
    document_id: str
    version: str
    """What the version switch compares; see `chunk_version`."""
    ordinal: int
    text: str
    start: int
    end: int
    title: str
    uri: str
    page: int | None = None
    section: str | None = None
    """Path of headings, outermost first, joined by ` > `."""
    header: str = ""
    """Put before the text where it is indexed, never shown: what the text alone does not say."""
    parent: "Parent | None" = None
    """The longer piece that is read where this one is found; only with the strategy `parent`."""
    marks: Marks = Marks()
    groups: tuple[str, ...] = ()
    """Access groups of its document, as far as the index knows them; the store has the last word."""

    @property
    def indexed_text(self) -> str:
        """What is embedded, and counted by BM25."""
        return f"{self.header}\n{self.text}" if self.header else self.text


@dataclass(frozen=True, slots=True)
class Parent:
    """The piece around a small chunk, in characters of the document, and its text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class LegHit:
    """Where one leg of a hybrid query put a chunk: its rank, from 1, and the leg's own score."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as retrieved for one question."""

    chunk: Chunk
    score: float
    """What it was ranked by: of the fusion, of its one leg, or of the reranker."""
    similarity: float
    """Cosine of question and chunk, in [-1, 1]; the evidence is judged by it."""
    dense: LegHit | None = None
    """What the dense leg of a hybrid query made of it; `None` where it did not bring it."""
    bm25: LegHit | None = None
    """The same of the BM25 leg."""
    scored_by: str = ""
    """What made the score: scores of the same name are of the same size. Empty where nobody says."""


@dataclass(frozen=True, slots=True)
class Citation:
    """One numbered mark of an answer, and the place in the document that it stands for."""

    n: int
    document_id: str
    corpus: str
    title: str
    uri: str
    page: int | None
    section: str | None
    start: int
    end: int
    quote: str
    score: float


def document_id(tenant: str, corpus: str, uri: str) -> str:
    """Deterministic id of a source, as a UUID string."""
    return str(uuid5(_NAMESPACE, "\x00".join((tenant, corpus, uri))))


def chunk_id(document: str, version: str, ordinal: int) -> str:
    """Deterministic id of a chunk, as a UUID string: writing it twice writes it once."""
    return str(uuid5(_NAMESPACE, "\x00".join((document, version, str(ordinal)))))
