"""What was read of an upload, ready to be written; and the report when it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ingest.accept import Source, Upload
from ingest.chunking import Chunker
from ingest.parsing import Attachment, Parsed
from ingest.writing import Written
from tandem.errors import UnreadableDocumentError
from tandem.vocabulary import Caller, Chunk, Document

_NOT_SWEPT = "The replaced version's chunks could not be removed yet; it is tried again each minute."


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """What became of one upload."""

    document_id: str
    uri: str
    title: str
    chunks: int
    tokens: int
    """Embedded just now; 0 where nothing had changed."""
    status: Literal["created", "replaced", "unchanged", "duplicate"]
    warnings: list[str] = field(default_factory=list)
    version: str = ""
    """That which readers see now."""
    duplicate_of: str | None = None
    """The document that says the same and is searched in this one's place."""
    attachments: tuple[Upload, ...] = field(default=(), repr=False)
    """Files within it that are documents of their own; they are not ingested yet."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A version of a document, with the chunks to be written and the files within it."""

    document: Document
    version: str
    chunks: list[Chunk]
    tokens: int
    warnings: list[str]
    attachments: tuple[Upload, ...]


def reading_of(
    caller: Caller,
    corpus: str,
    upload: Upload,
    source: Source,
    parsed: Parsed,
    version: str,
    chunker: Chunker,
) -> Reading:
    """Split what was parsed; blocking. Raises `UnreadableDocumentError` where there is nothing in it."""
    document = _document(caller, corpus, source, parsed)
    split = chunker.split(document, version)
    attachments = attached(upload, parsed.attachments)
    if not split.chunks and not attachments:
        raise UnreadableDocumentError(f"{source.name} holds no text", param="file")
    return Reading(document, version, split.chunks, split.tokens, parsed.warnings, attachments)


def report_of(reading: Reading, written: Written, chunks: int) -> DocumentReport:
    """The report on a version that is now current; `chunks` are those of the document."""
    document = reading.document
    warnings = reading.warnings if written.swept else [*reading.warnings, _NOT_SWEPT]
    if written.original is not None:
        original = written.original.document_id
        return DocumentReport(
            document.id,
            document.uri,
            document.title,
            0,
            0,
            "duplicate",
            warnings,
            reading.version,
            original,
            reading.attachments,
        )
    return DocumentReport(
        document_id=document.id,
        uri=document.uri,
        title=document.title,
        chunks=chunks,
        tokens=reading.tokens,
        status="replaced" if written.replaced else "created",
        warnings=warnings,
        version=reading.version,
        attachments=reading.attachments,
    )


def attached(upload: Upload, attachments: Sequence[Attachment]) -> tuple[Upload, ...]:
    """The files within a file, at addresses below its own, with its marks and access groups."""
    uploads: dict[str, Upload] = {}
    for one in attachments:
        uri, number = f"{upload.uri}!/{one.name}", 2
        while uri in uploads:
            uri, number = f"{upload.uri}!/{number}/{one.name}", number + 1
        uploads[uri] = Upload(uri, one.name, one.content, marks=upload.marks, groups=upload.groups)
    return tuple(uploads.values())


def _document(caller: Caller, corpus: str, source: Source, parsed: Parsed) -> Document:
    return Document(
        tenant=caller.tenant,
        corpus=corpus,
        uri=source.uri,
        title=parsed.title,
        media_type=source.media_type,
        text=parsed.text,
        content_hash=source.content_hash,
        pages=parsed.pages,
        headings=parsed.headings,
        blocks=parsed.blocks,
        marks=source.marks,
        groups=source.groups,
    )
