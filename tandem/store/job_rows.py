"""Rows of the tables of jobs: writing them, and reading them as records."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select, update

from tandem.errors import ConflictError
from tandem.store.job_records import WAITING, Claim, Job, JobDocument, NewJobDocument
from tandem.store.job_schema import contents, job_documents, jobs, workers
from tandem.store.workers import lease_begin

_WRITTEN = ("created", "replaced")
_AT_ONCE = 1_000
"""Rows in one statement: a database takes only so many values in one."""


def living() -> Select[tuple[str]]:
    """Ids of the workers that live."""
    return select(workers.c.id).where(workers.c.seen_at > lease_begin())


def held(connection: Connection, claim: Claim) -> Row[Any]:
    """The claimed job, locked. Raises `ConflictError` if another worker has it now."""
    query = select(jobs).where(
        jobs.c.id == claim.job_id, jobs.c.claim == claim.number, jobs.c.state == "running"
    )
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        raise ConflictError("The ingestion was ended or taken over by another worker")
    return row


def add_documents(connection: Connection, job_id: str, documents: Sequence[NewJobDocument]) -> None:
    """Append documents, each uri once; one that the job has already is left as it is."""
    for start in range(0, len(documents), _AT_ONCE):
        _add_some(connection, job_id, documents[start : start + _AT_ONCE])


def _add_some(connection: Connection, job_id: str, documents: Sequence[NewJobDocument]) -> None:
    fresh = {uri_hash(document.uri): document for document in reversed(documents)}
    known = _known(connection, job_id, fresh)
    last = connection.execute(
        select(func.max(job_documents.c.place)).where(job_documents.c.job_id == job_id)
    ).scalar()
    place = -1 if last is None else last
    rows = []
    for key, document in reversed(fresh.items()):
        if key not in known:
            place += 1
            rows.append(_row_of(connection, job_id, place, key, document))
    if rows:
        connection.execute(insert(job_documents), rows)


def has_documents(connection: Connection, job_id: str, documents: Sequence[NewJobDocument]) -> bool:
    """Whether the job was given these files, with this content."""
    first = {uri_hash(document.uri): document for document in reversed(documents)}
    known = _known(connection, job_id, first)
    return all(
        key in known and (one.content is None or known[key] == hashlib.sha256(one.content).hexdigest())
        for key, one in first.items()
    )


def _known(connection: Connection, job_id: str, keys: Collection[str]) -> dict[str, str | None]:
    """Of the documents with these hashes, those that the job has, with the hash of their content."""
    query = select(job_documents.c.uri_hash, job_documents.c.content_hash).where(
        job_documents.c.job_id == job_id, job_documents.c.uri_hash.in_(list(keys))
    )
    return dict(connection.execute(query).tuples().all())


def end_waiting(connection: Connection, job_id: str) -> None:
    """Mark as cancelled what still waits."""
    waiting = (job_documents.c.job_id == job_id) & (job_documents.c.state == WAITING)
    connection.execute(update(job_documents).where(waiting).values(state="cancelled"))


def let_go(connection: Connection, job_id: str) -> None:
    """Remove the files of an ended job that nobody can ask for again."""
    undone = select(job_documents.c.content_hash).where(
        job_documents.c.job_id == job_id,
        job_documents.c.state.in_((WAITING, "failed", "cancelled")),
        job_documents.c.content_hash.is_not(None),
    )
    connection.execute(delete(contents).where(contents.c.job_id == job_id, contents.c.hash.not_in(undone)))


def uri_hash(uri: str) -> str:
    """By what a uri is found; it may be too long for a key of the database."""
    return hashlib.sha256(uri.encode("utf-8", "surrogatepass")).hexdigest()


def job_of(connection: Connection, row: Row[Any]) -> Job:
    """A row with the counts of its documents."""
    query = (
        select(
            job_documents.c.state,
            func.count(),
            func.sum(job_documents.c.chunks),
            func.sum(job_documents.c.tokens),
        )
        .where(job_documents.c.job_id == row.id)
        .group_by(job_documents.c.state)
    )
    counted = connection.execute(query).all()
    return Job(
        id=row.id,
        tenant=row.tenant,
        corpus=row.corpus,
        state=row.state,
        sync=row.sync,
        cancelling=row.cancelling,
        listed=row.listed,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error=row.error,
        manifest=row.manifest,
        counts={state: count for state, count, _, _ in counted},
        chunks=sum(int(chunks) for state, _, chunks, _ in counted if state in _WRITTEN),
        tokens=sum(int(tokens) for _, _, _, tokens in counted),
        groups=None if row.groups is None else tuple(row.groups),
    )


def document_of(row: Row[Any]) -> JobDocument:
    """A row of `job_documents` as a record."""
    values = dict(row._mapping)
    del values["job_id"], values["uri_hash"]
    return JobDocument(**values)


def _row_of(
    connection: Connection, job_id: str, place: int, key: str, document: NewJobDocument
) -> dict[str, object]:
    content_hash = None
    if document.content is not None:
        content_hash = hashlib.sha256(document.content).hexdigest()
        _keep(connection, job_id, content_hash, document.content)
    return {
        "job_id": job_id,
        "place": place,
        "state": WAITING,
        "uri": document.uri,
        "uri_hash": key,
        "name": document.name,
        "source": document.source,
        "depth": document.depth,
        "revision": document.revision,
        "content_hash": content_hash,
        "tries": 0,
        "due_at": datetime.now(UTC),
        "chunks": 0,
        "tokens": 0,
        "warnings": [],
        "error": None,
        "locator": dict(document.locator),
    }


def _keep(connection: Connection, job_id: str, content_hash: str, content: bytes) -> None:
    here = (contents.c.job_id == job_id) & (contents.c.hash == content_hash)
    if connection.execute(select(contents.c.hash).where(here)).first() is None:
        row = {"job_id": job_id, "hash": content_hash, "content": content}
        connection.execute(insert(contents).values(row))
