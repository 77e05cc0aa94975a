"""The words of Tandem as types. Everything that crosses a module border is one of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

# A namespace of our own, so that ids made elsewhere cannot meet these.
_NAMESPACE = UUID("5f0d3c3e-7d0b-5b1e-9a51-7a1d3e0f2c64")

DEFAULT_TENANT = "default"
DEFAULT_CORPUS = "docs"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Made by the service from credentials, never from a request's body."""

    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Scope:
    """What one caller's search may see: one tenant, and some of its corpora (all when `None`)."""

    tenant: str
    corpora: tuple[str, ...] | None = None

    @classmethod
    def of(cls, caller: Caller, corpora: Sequence[str] | None = None) -> "Scope":
        """The only way from a caller to a filter."""
        return cls(caller.tenant, None if corpora is None else tuple(corpora))


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


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as retrieved for one question."""

    chunk: Chunk
    score: float
    """What it was ranked by: of the fusion, or of its one leg."""
    similarity: float
    """Cosine of question and chunk, in [-1, 1]; the evidence is judged by it."""


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
