"""`/api/corpora/{corpus}/documents`: put documents in, look at them, take them out."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import PureWindowsPath
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ingest.accept import Upload, check_corpus
from ingest.pipeline import Ingestor
from tandem.errors import InvalidRequestError, NotFoundError, TooLargeError
from tandem.store import DocumentRecord, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller

_FORM_BYTES = 64 * 1024
"""What a form may weigh beside its file."""

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


class DocumentWithText(DocumentBody):
    """A document with all that it says."""

    text: str
    pages: list[PageBody]
    headings: list[HeadingBody]


class DocumentList(BaseModel):
    """Part of a corpus, by uri."""

    documents: list[DocumentBody]


def documents_router(
    ingestor: Ingestor, store: Store, caller_of: Callable[[Request], Awaitable[Caller]], max_bytes: int
) -> APIRouter:
    """The routes of documents. `max_bytes` is the most that a file may weigh."""
    router = APIRouter(prefix="/api/corpora/{corpus}/documents", tags=["documents"])

    @router.post("", status_code=201, openapi_extra=_FORM_SCHEMA)
    async def add_document(
        corpus: str, request: Request, response: Response, caller: Annotated[Caller, Depends(caller_of)]
    ) -> ReportBody:
        """Ingest one file; answered when it can be found."""
        check_corpus(corpus)
        report = await ingestor.ingest(caller, corpus, await _upload_of(request, max_bytes))
        response.status_code = 201 if report.status == "created" else 200
        response.headers["Location"] = f"/api/corpora/{corpus}/documents/{report.document_id}"
        return ReportBody(**asdict(report))

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
        corpus: str, document_id: str, caller: Annotated[Caller, Depends(caller_of)]
    ) -> DocumentWithText:
        """One document with its text."""
        known = _checked(corpus, document_id)
        return DocumentWithText(**_fields(await in_thread(store.document, caller, corpus, known)))

    @router.delete("/{document_id}", status_code=204)
    async def delete_document(
        corpus: str, document_id: str, caller: Annotated[Caller, Depends(caller_of)]
    ) -> None:
        """Remove a document: from every answer at once, and its chunks from the index."""
        await ingestor.delete(caller, corpus, _checked(corpus, document_id))

    return router


async def _upload_of(request: Request, max_bytes: int) -> Upload:
    form = await _form_of(request, max_bytes)
    try:
        file, uri = form.get("file"), form.get("uri")
        if not isinstance(file, UploadFile) or not file.filename:
            raise InvalidRequestError(
                "The form has no file",
                param="file",
                hint="Send multipart/form-data with a file in the field `file`.",
            )
        if uri is not None and not isinstance(uri, str):
            raise InvalidRequestError("uri must be text", param="uri")
        # A browser may send a path; the name is its last part, whichever way its slashes lean.
        name = PureWindowsPath(file.filename).name or file.filename
        return Upload(uri=uri or name, name=name, content=await file.read())
    finally:
        await form.close()


async def _form_of(request: Request, max_bytes: int) -> FormData:
    """The form, read no further than a file of `max_bytes` needs."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidRequestError(
            "The body is not multipart/form-data",
            param="file",
            hint="Send the file in the form field `file`.",
        )
    limit = max_bytes + _FORM_BYTES
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(max_bytes)
    parser = MultiPartParser(
        request.headers, _bounded(request.stream(), limit, max_bytes), max_files=1, max_fields=4
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise InvalidRequestError(f"The form cannot be read: {error.message}", param="file") from error


async def _bounded(stream: AsyncIterator[bytes], limit: int, max_bytes: int) -> AsyncGenerator[bytes, None]:
    seen = 0
    async for part in stream:
        seen += len(part)
        if seen > limit:
            raise _too_large(max_bytes)
        yield part


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(
        f"The file is larger than {max_bytes / 1024**2:g} MiB",
        param="file",
        hint="Split the file, or raise ingest.max_file_mb.",
    )


def _checked(corpus: str, document_id: str) -> str:
    """The id as it is kept. One that cannot be an id is one that is not found."""
    check_corpus(corpus)
    try:
        return str(UUID(document_id))
    except ValueError as error:
        raise NotFoundError(
            f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id"
        ) from error


def _fields(record: DocumentRecord) -> dict[str, Any]:
    fields = asdict(record)
    del fields["tenant"]
    return fields
