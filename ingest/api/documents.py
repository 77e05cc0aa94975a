"""`/api/corpora/{corpus}/documents`: put documents in, look at them, take them out."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from ingest.accept import check_corpus
from ingest.api.forms import one_upload
from ingest.api.removals import ReceiptBody, receipt_body
from ingest.pipeline import Ingestor
from ingest.reading import DocumentReport
from tandem.errors import NotFoundError
from tandem.store import DocumentRecord, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Scalar

_FORM_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "uri": {
                            "type": "string",
                            "description": "The document's address; else the file's name.",
                        },
                        "group": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "Access groups that may see it; a known document keeps its own "
                            "without them.",
                        },
                        "everyone": {
                            "type": "boolean",
                            "description": "Take its access groups away: all of the tenant may see it.",
                        },
                    },
                }
            }
        },
    },
    "responses": {"200": {"description": "Replaced or unchanged"}},
}


class ReportBody(BaseModel):
    """What became of an upload."""

    document_id: str
    uri: str
    title: str
    chunks: int
    tokens: int
    status: Literal["created", "replaced", "unchanged", "duplicate"]
    duplicate_of: str | None = None
    warnings: list[str]


class PageBody(BaseModel):
    """A page and the place of its text, in characters."""

    number: int
    start: int
    end: int


class BlockBody(BaseModel):
    """A table or a piece of code and its place, in characters."""

    kind: Literal["table", "code"]
    start: int
    end: int


class HeadingBody(BaseModel):
    """A heading and its place, in characters."""

    level: int
    title: str
    start: int


class DocumentBody(BaseModel):
    """A document in a list."""

    id: str
    corpus: str
    uri: str
    title: str
    media_type: str
    content_hash: str
    version: str
    chunks: int
    size_chars: int
    created_at: datetime

    tags: list[str]
    metadata: dict[str, Scalar]
    expires_at: datetime | None
    duplicate_of: str | None
    groups: list[str]
    """Access groups, of which a caller must have one; none where everybody of the tenant may see it."""


class ShareBody(BaseModel):
    """Who may see a document from now on."""

    model_config = ConfigDict(extra="forbid")
    groups: list[str] = Field(max_length=100, description="Access groups; an empty list is everybody.")


class DocumentWithText(DocumentBody):
    """A document with all that it says."""

    text: str
    pages: list[PageBody]
    headings: list[HeadingBody]
    blocks: list[BlockBody]


class DocumentList(BaseModel):
    """Part of a corpus, by uri."""

    documents: list[DocumentBody]


def documents_router(
    ingestor: Ingestor,
    store: Store,
    caller_of: Callable[[Request], Awaitable[Caller]],
    max_bytes: int,
    reader_of: Callable[[Request], Awaitable[Caller]] | None = None,
) -> APIRouter:
    """The routes of documents. `max_bytes` is the most that a file may weigh; `reader_of` gives whoever may read
    one document, as a cited source is read.
    """
    reader_of = reader_of or caller_of
    router = APIRouter(prefix="/api/corpora/{corpus}/documents", tags=["documents"])

    @router.post("", status_code=201, openapi_extra=_FORM_SCHEMA)
    async def add_document(
        corpus: str, request: Request, response: Response, caller: Annotated[Caller, Depends(caller_of)]
    ) -> ReportBody:
        """Ingest one file; answered when it can be found."""
        check_corpus(corpus)
        report = await ingestor.ingest(caller, corpus, await one_upload(request, max_bytes))
        response.status_code = 201 if report.status == "created" else 200
        response.headers["Location"] = f"/api/corpora/{corpus}/documents/{report.document_id}"
        return _report_body(report)

    @router.get("")
    async def list_documents(
        corpus: str,
        caller: Annotated[Caller, Depends(caller_of)],
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> DocumentList:
        """Documents of a corpus by uri, without their texts."""
        check_corpus(corpus)
        records = await in_thread(store.documents, caller, corpus, limit, offset)
        return DocumentList(documents=[DocumentBody(**_fields(record)) for record in records])

    @router.get("/{document_id}")
    async def get_document(
        corpus: str, document_id: str, caller: Annotated[Caller, Depends(reader_of)]
    ) -> DocumentWithText:
        """One document with its text."""
        known = _checked(corpus, document_id)
        return DocumentWithText(**_fields(await in_thread(store.document, caller, corpus, known)))

    @router.patch("/{document_id}")
    async def share_document(
        corpus: str, document_id: str, body: ShareBody, caller: Annotated[Caller, Depends(caller_of)]
    ) -> DocumentBody:
        """Change who may see a document: at once, in every answer, list and trace."""
        known = _checked(corpus, document_id)
        shared = await ingestor.share.document(caller, corpus, known, body.groups)
        return DocumentBody(**_fields(shared))

    @router.delete("/{document_id}")
    async def delete_document(
        corpus: str, document_id: str, caller: Annotated[Caller, Depends(caller_of)]
    ) -> ReceiptBody:
        """Remove a document: from every answer at once, then from index, store and traces."""
        return receipt_body(await ingestor.remove.document(caller, corpus, _checked(corpus, document_id)))

    return router


def _checked(corpus: str, document_id: str) -> str:
    """The id as it is kept. One that cannot be an id is one that is not found."""
    check_corpus(corpus)
    try:
        return str(UUID(document_id))
    except ValueError as error:
        raise NotFoundError(
            f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id"
        ) from error


def _report_body(report: DocumentReport) -> ReportBody:
    body = ReportBody.model_validate(report, from_attributes=True)
    if report.attachments:
        told = f"Attached files ({len(report.attachments)}) are documents of their own, and were not read."
        body.warnings.append(f"{told} Send the file to /api/corpora/NAME/ingestions to have them, too.")
    return body


def _fields(record: DocumentRecord) -> dict[str, Any]:
    fields = asdict(record)
    del fields["tenant"]
    marks: dict[str, Any] = fields.pop("marks")
    return fields | marks
