"""`/api/corpora/{corpus}/ingestions`: jobs that bring a corpus up to date, and how far they are."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from ingest.accept import Upload, check_corpus
from ingest.api.forms import uploads
from ingest.jobs import Event, JobWorker, follow
from ingest.jobs.entries import entry_of_upload
from ingest.manifest import Manifest, manifest_of
from ingest.sources import check_allowed
from tandem.access_groups import check_own
from tandem.errors import InvalidRequestError, NotFoundError, TandemError, TooLargeError
from tandem.settings import IngestSettings
from tandem.store import Job, JobDocument, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller

_MOST_JSON_BYTES = 2 * 1024 * 1024
_MIB = 1024 * 1024

State = Literal["queued", "running", "done", "failed", "cancelled"]
DocumentState = Literal[
    "waiting", "created", "replaced", "unchanged", "duplicate", "unpacked", "removed", "failed", "cancelled"
]


class IngestionBody(BaseModel):
    """A job, and how far it is."""

    id: str
    corpus: str
    state: State
    sync: bool
    listed: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    total: int
    counts: dict[str, int]
    chunks: int
    tokens: int
    error: dict[str, Any] | None


class IngestionDocumentBody(BaseModel):
    """A document of a job, and what became of it."""

    place: int
    uri: str
    name: str
    state: DocumentState
    tries: int
    document_id: str | None
    chunks: int
    tokens: int
    warnings: list[str]
    error: dict[str, Any] | None


class IngestionList(BaseModel):
    """Jobs, newest first."""

    ingestions: list[IngestionBody]


class IngestionDocumentList(BaseModel):
    """Documents of a job by place; go on with `after` set to the last place."""

    documents: list[IngestionDocumentBody]


def job_body(job: Job) -> IngestionBody:
    """A job as it is sent."""
    return IngestionBody.model_validate(job, from_attributes=True)


def job_document_body(document: JobDocument) -> IngestionDocumentBody:
    """A document of a job as it is sent."""
    return IngestionDocumentBody.model_validate(document, from_attributes=True)


def ingestions_router(
    store: Store,
    worker: JobWorker,
    caller_of: Callable[[Request], Awaitable[Caller]],
    settings: IngestSettings,
) -> APIRouter:
    """The routes of ingestion jobs."""
    router = APIRouter(prefix="/api/corpora/{corpus}/ingestions", tags=["ingestions"])
    max_bytes = int(settings.max_archive_mb * _MIB)

    @router.post("", status_code=202, openapi_extra=_BODY_SCHEMA)
    async def start_ingestion(
        corpus: str,
        request: Request,
        response: Response,
        caller: Annotated[Caller, Depends(caller_of)],
        idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
    ) -> IngestionBody:
        """Start a job: of files in a form, or of sources in JSON. Answered at once; the work goes on."""
        check_corpus(corpus)
        create: dict[str, Any] = {"request_key": idempotency_key}
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            handed_in = await uploads(request, max_bytes)
            manifest = _manifest_of_files(corpus, handed_in, caller)
            create["files"] = [entry_of_upload(upload) for upload in handed_in]
        else:
            wanted, sync = await _manifest_of(request, corpus, settings)
            check_own(caller, [group for source in wanted.sources for group in source.groups or ()])
            manifest = wanted.model_dump(mode="json")
            create["sync"] = sync
        job = await in_thread(store.create_job, caller, corpus, manifest, **create)
        worker.wake()
        response.headers["Location"] = f"/api/corpora/{corpus}/ingestions/{job.id}"
        return job_body(job)

    @router.get("")
    async def list_ingestions(
        corpus: str,
        caller: Annotated[Caller, Depends(caller_of)],
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> IngestionList:
        """Jobs of a corpus, newest first."""
        check_corpus(corpus)
        found = await in_thread(store.jobs, caller, corpus, limit)
        return IngestionList(ingestions=[job_body(job) for job in found])

    @router.get("/{job_id}")
    async def get_ingestion(
        corpus: str, job_id: str, caller: Annotated[Caller, Depends(caller_of)]
    ) -> IngestionBody:
        """One job."""
        return job_body(await _job(store, caller, corpus, job_id))

    @router.get("/{job_id}/documents")
    async def list_ingestion_documents(
        corpus: str,
        job_id: str,
        caller: Annotated[Caller, Depends(caller_of)],
        state: DocumentState | None = None,
        after: Annotated[int, Query(ge=-1, le=2**31 - 1)] = -1,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> IngestionDocumentList:
        """Documents of a job; with `state=failed`, those that will not go in, and why."""
        await _job(store, caller, corpus, job_id)
        found = await in_thread(store.job_documents, caller, job_id, state, after, limit)
        return IngestionDocumentList(documents=[job_document_body(document) for document in found])

    @router.get("/{job_id}/events", response_class=StreamingResponse, responses=_EVENTS)
    async def follow_ingestion(
        corpus: str, job_id: str, caller: Annotated[Caller, Depends(caller_of)]
    ) -> StreamingResponse:
        """Server-sent events until the job has ended: `document` for each that ends, and `progress`."""
        await _job(store, caller, corpus, job_id)
        return StreamingResponse(
            _as_sse(follow(store, caller, job_id)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    @router.post("/{job_id}/cancel")
    async def cancel_ingestion(
        corpus: str, job_id: str, caller: Annotated[Caller, Depends(caller_of)]
    ) -> IngestionBody:
        """Stop a job; what it has done stays."""
        await _job(store, caller, corpus, job_id)
        return job_body(await in_thread(store.cancel_job, caller, job_id))

    @router.post("/{job_id}/retry", status_code=202)
    async def retry_ingestion(
        corpus: str, job_id: str, caller: Annotated[Caller, Depends(caller_of)]
    ) -> IngestionBody:
        """Try the failed and cancelled documents of an ended job once more."""
        await _job(store, caller, corpus, job_id)
        job = await in_thread(store.retry_job, caller, job_id)
        worker.wake()
        return job_body(job)

    return router


async def _job(store: Store, caller: Caller, corpus: str, job_id: str) -> Job:
    check_corpus(corpus)
    job = await in_thread(store.job, caller, job_id)
    if job.corpus != corpus:
        raise NotFoundError(f"There is no ingestion {job_id!r} in corpus {corpus!r}", param="id")
    return job


def _manifest_of_files(corpus: str, handed_in: Sequence[Upload], caller: Caller) -> dict[str, Any]:
    """No sources; but the access groups, since a second request with the same key must ask for the same."""
    groups = handed_in[0].groups
    check_own(caller, groups or ())
    stated = {} if groups is None else {"groups": list(groups)}
    return {"corpus": corpus, "sources": [], **stated}


async def _manifest_of(request: Request, corpus: str, settings: IngestSettings) -> tuple[Manifest, bool]:
    """The sources that a request names, if a request may name them, and whether to remove what they lack."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_JSON_BYTES:
            raise TooLargeError("The request is over 2 MiB", hint="Use a sitemap, or several requests.")
    try:
        value = json.loads(bytes(body), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        why = "nested too deep" if isinstance(error, RecursionError) else error
        raise InvalidRequestError(
            f"The body is neither a form nor JSON: {why}",
            hint='Send files as multipart/form-data, or {"sources": [{"kind": "urls", "urls": ["https://..."]}]}.',
        ) from error
    if not isinstance(value, dict):
        raise InvalidRequestError("The body must be a JSON object")
    sync = value.pop("sync", False)
    if not isinstance(sync, bool):
        raise InvalidRequestError("sync must be true or false", param="sync")
    if value.setdefault("corpus", corpus) != corpus:
        raise InvalidRequestError("The corpus of the body is not that of the address", param="corpus")
    manifest = manifest_of(value, "body")
    for source in manifest.sources:
        check_allowed(source, settings)
    return manifest, sync


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


async def _as_sse(events: AsyncIterator[Event]) -> AsyncIterator[str]:
    try:
        async for event in events:
            if event.document is not None:
                yield f"event: document\ndata: {job_document_body(event.document).model_dump_json()}\n\n"
            else:
                yield f"event: progress\ndata: {job_body(event.job).model_dump_json()}\n\n"
    except TandemError as error:  # such as of a job that went with its corpus; the answer has begun
        yield f"event: error\ndata: {json.dumps(error.body())}\n\n"


_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {"event": {"type": "string"}, "data": {"type": "string"}},
                    "required": ["event", "data"],
                }
            }
        },
    }
}
_BODY_SCHEMA = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "uri": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "Addresses of the files, in their order; else their names.",
                        },
                        "group": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "Access groups that may see them.",
                        },
                        "everyone": {"type": "boolean", "description": "Take their access groups away."},
                    },
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["sources"],
                    "properties": {
                        "sources": {"type": "array", "items": {"type": "object"}},
                        "splitting": {"type": "object"},
                        "sync": {"type": "boolean"},
                    },
                }
            },
        },
    }
}
