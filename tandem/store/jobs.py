"""Jobs as their owner sees them: asked for, looked at, cancelled, tried again."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.errors import ConflictError, NotFoundError
from tandem.store.audit import append_audit
from tandem.store.job_records import WAITING, Job, JobDocument, NewJobDocument
from tandem.store.job_rows import (
    add_documents,
    document_of,
    end_waiting,
    has_documents,
    job_of,
    let_go,
    living,
)
from tandem.store.job_schema import job_documents, jobs
from tandem.store.transactions import Transactions
from tandem.store.workers import this_host
from tandem.vocabulary import Caller

_ONGOING = ("queued", "running")


class Jobs(Transactions):
    """The caller's side of ingestion jobs."""

    def create_job(
        self,
        caller: Caller,
        corpus: str,
        manifest: dict[str, Any],
        *,
        sync: bool = False,
        local: bool = False,
        worker: str | None = None,
        request_key: str | None = None,
        files: Sequence[NewJobDocument] = (),
    ) -> Job:
        """Queue a job, with the files that were handed in with it, in one transaction.

        A `local` job reads files of this host, so no other host may do it. A job made by a living `worker`
        is for nobody else to claim. A second job with the same `request_key` is the first one; raises
        `ConflictError` if it asks for something else.
        """
        job_id = str(uuid4())
        row = {
            "id": job_id,
            "tenant": caller.tenant,
            "corpus": corpus,
            "state": "running" if worker else "queued",
            "worker": worker,
            "sync": sync,
            "host": this_host() if local else None,
            "claim": 0,
            "cancelling": False,
            "listed": False,
            "created_at": datetime.now(UTC),
            "request_key": request_key,
            "manifest": manifest,
        }
        try:
            with self._writing() as connection:
                connection.execute(insert(jobs).values(row))
                add_documents(connection, job_id, files)
                append_audit(
                    connection,
                    tenant=caller.tenant,
                    subject=caller.subject,
                    action="ingestion.started",
                    object=corpus,
                    details={"job": job_id, "sync": sync},
                )
        except IntegrityError:
            if request_key is None:
                raise
            return self._same_job(caller, request_key, row, files)
        return self.job(caller, job_id)

    def job(self, caller: Caller, job_id: str) -> Job:
        """One job with its counts. Raises `NotFoundError`."""
        query = select(jobs).where(jobs.c.id == job_id, jobs.c.tenant == caller.tenant)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                raise NotFoundError(f"There is no ingestion {job_id!r}", param="id")
            return job_of(connection, row)

    def jobs(self, caller: Caller, corpus: str | None = None, limit: int = 100) -> list[Job]:
        """The caller's jobs, newest first."""
        query = select(jobs).where(jobs.c.tenant == caller.tenant)
        if corpus is not None:
            query = query.where(jobs.c.corpus == corpus)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(jobs.c.created_at.desc()).limit(limit)).all()
            return [job_of(connection, row) for row in rows]

    def job_documents(
        self, caller: Caller, job_id: str, state: str | None = None, after: int = -1, limit: int = 100
    ) -> list[JobDocument]:
        """Documents of a job by place, from behind `after`. Raises `NotFoundError`."""
        self.job(caller, job_id)
        query = select(job_documents).where(job_documents.c.job_id == job_id, job_documents.c.place > after)
        if state is not None:
            query = query.where(job_documents.c.state == state)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(job_documents.c.place).limit(limit))
            return [document_of(row) for row in rows]

    def ended_documents(self, job_id: str, since: datetime, limit: int = 10_000) -> list[JobDocument]:
        """Documents of a job that have ended at `since` or later, in the order of their ends."""
        query = select(job_documents).where(
            job_documents.c.job_id == job_id, job_documents.c.ended_at >= since
        )
        with self._reading() as connection:
            rows = connection.execute(
                query.order_by(job_documents.c.ended_at, job_documents.c.place).limit(limit)
            )
            return [document_of(row) for row in rows]

    def cancel_job(self, caller: Caller, job_id: str) -> Job:
        """Ask that a job stops; one that nobody works at stops at once. Raises `NotFoundError`."""
        self.job(caller, job_id)
        ongoing = (jobs.c.id == job_id) & jobs.c.state.in_(_ONGOING)
        idle = ongoing & (jobs.c.worker.is_(None) | jobs.c.worker.not_in(living()))
        stopped = {"state": "cancelled", "ended_at": datetime.now(UTC), "claim": jobs.c.claim + 1}
        with self._writing() as connection:
            connection.execute(update(jobs).where(ongoing).values(cancelling=True))
            if connection.execute(update(jobs).where(idle).values(stopped)).rowcount:
                end_waiting(connection, job_id)
                let_go(connection, job_id)
        return self.job(caller, job_id)

    def retry_job(self, caller: Caller, job_id: str) -> Job:
        """Queue an ended job once more, for the documents that failed or were cancelled.

        Raises `NotFoundError`, and `ConflictError` for a job that has not ended.
        """
        if not self.job(caller, job_id).ended:
            raise _not_ended()
        undone = (job_documents.c.job_id == job_id) & job_documents.c.state.in_(("failed", "cancelled"))
        waiting = {"state": WAITING, "tries": 0, "error": None, "due_at": datetime.now(UTC), "ended_at": None}
        queued = {"state": "queued", "worker": None, "cancelling": False, "ended_at": None, "error": None}
        ended = (jobs.c.id == job_id) & jobs.c.state.not_in(_ONGOING)
        with self._writing() as connection:
            # Asked again here: of two that come at once, the second must not stop what the first began.
            if not connection.execute(update(jobs).where(ended).values(queued)).rowcount:
                raise _not_ended()
            connection.execute(update(job_documents).where(undone).values(waiting))
        return self.job(caller, job_id)

    def purge_jobs(self, before: datetime) -> int:
        """Forget jobs that ended before a moment, of all tenants; returns how many."""
        with self._writing() as connection:
            return connection.execute(delete(jobs).where(jobs.c.ended_at < before)).rowcount

    def _same_job(
        self, caller: Caller, request_key: str, asked: Mapping[str, Any], files: Sequence[NewJobDocument]
    ) -> Job:
        """The job that has the key, if it was asked for the same."""
        query = select(jobs).where(jobs.c.tenant == caller.tenant, jobs.c.request_key == request_key)
        with self._reading() as connection:
            row = connection.execute(query).one()
            same = all(getattr(row, name) == asked[name] for name in ("corpus", "sync", "manifest"))
            if not same or not has_documents(connection, row.id, files):
                raise ConflictError(
                    "The Idempotency-Key was used for another ingestion",
                    param="Idempotency-Key",
                    hint="Send each ingestion with a key of its own.",
                )
            return job_of(connection, row)


def _not_ended() -> ConflictError:
    return ConflictError("The ingestion has not ended yet", hint="Wait for it, or cancel it first.")
