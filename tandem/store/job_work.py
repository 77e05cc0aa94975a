"""Jobs as a worker sees them: claimed, listed, done document by document.

A job is claimed by one worker at a time. When a worker dies, any other claims the job and goes on where it
stood: every document is a row, and doing one twice changes nothing. What a worker writes counts only while
its claim is the newest (a fencing token), so one that was only thought to be dead does no harm.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update

from tandem.errors import NotFoundError
from tandem.store.job_records import WAITING, Claim, Job, JobDocument, NewJobDocument, Outcome
from tandem.store.job_rows import (
    add_documents,
    document_of,
    end_waiting,
    held,
    job_of,
    let_go,
    living,
    uri_hash,
)
from tandem.store.job_schema import contents, job_documents, jobs
from tandem.store.transactions import Transactions
from tandem.store.workers import this_host


class JobWork(Transactions):
    """The worker's side of jobs. What writes raises `ConflictError` when the claim is lost."""

    def claim_job(self, worker: str, job_id: str | None = None) -> tuple[Claim, Job] | None:
        """Take the oldest job that waits, or whose worker is dead, or just the one named; else `None`.

        A worker gets a job that is its own already only by its name.
        """
        query = select(jobs).where(_is_free(), _of_this_host())
        if job_id is not None:
            named = _is_free() | ((jobs.c.state == "running") & (jobs.c.worker == worker))
            query = select(jobs).where(jobs.c.id == job_id, named, _of_this_host())
        # On PostgreSQL a worker passes over the job that another is just taking.
        query = query.order_by(jobs.c.created_at, jobs.c.id).limit(1).with_for_update(skip_locked=True)
        with self._writing() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            taken = {
                "state": "running",
                "worker": worker,
                "claim": row.claim + 1,
                "started_at": row.started_at or datetime.now(UTC),
            }
            connection.execute(update(jobs).where(jobs.c.id == row.id).values(taken))
            fresh = connection.execute(select(jobs).where(jobs.c.id == row.id)).one()
            return Claim(row.id, row.claim + 1), job_of(connection, fresh)

    def has_free_job(self) -> bool:
        """Whether `claim_job` would find one; cheaper, as it does not write."""
        query = select(jobs.c.id).where(_is_free(), _of_this_host())
        with self._reading() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def unfinished_jobs(self) -> dict[str, int]:
        """How many jobs of all tenants wait and run, by state."""
        query = select(jobs.c.state, func.count()).where(jobs.c.state.in_(("queued", "running")))
        with self._reading() as connection:
            found: dict[str, int] = dict(connection.execute(query.group_by(jobs.c.state)).tuples().all())
        return {state: found.get(state, 0) for state in ("queued", "running")}

    def is_cancelling(self, claim: Claim) -> bool:
        """Whether the job is to stop, because its owner says so or because another worker has it."""
        query = select(jobs.c.cancelling).where(
            jobs.c.id == claim.job_id, jobs.c.claim == claim.number, jobs.c.state == "running"
        )
        with self._reading() as connection:
            found: bool | None = connection.execute(query).scalar()
        return found is not False

    def list_documents(self, claim: Claim, documents: Sequence[NewJobDocument]) -> None:
        """Add documents behind those that the job has; one that it has already is left as it is."""
        with self._writing() as connection:
            held(connection, claim)
            add_documents(connection, claim.job_id, documents)

    def end_listing(self, claim: Claim) -> None:
        """Note that all documents of the job are known."""
        with self._writing() as connection:
            held(connection, claim)
            connection.execute(update(jobs).where(jobs.c.id == claim.job_id).values(listed=True))

    def content(self, job_id: str, content_hash: str) -> bytes:
        """A file that the job holds. Raises `NotFoundError`."""
        query = select(contents.c.content).where(contents.c.job_id == job_id, contents.c.hash == content_hash)
        with self._reading() as connection:
            found: bytes | None = connection.execute(query).scalar()
        if found is None:
            raise NotFoundError("The file that was handed in is no longer there", hint="Send it again.")
        return found

    def due_documents(self, claim: Claim, limit: int, besides: Sequence[int] = ()) -> list[JobDocument]:
        """The next documents to be done, by place, but not those at the places `besides`."""
        query = select(job_documents).where(
            job_documents.c.job_id == claim.job_id,
            job_documents.c.state == WAITING,
            job_documents.c.due_at <= datetime.now(UTC),
            job_documents.c.place.not_in(besides),
        )
        with self._reading() as connection:
            rows = connection.execute(query.order_by(job_documents.c.place).limit(limit))
            return [document_of(row) for row in rows]

    def next_due(self, claim: Claim) -> datetime | None:
        """When the next waiting document is due; `None` if none waits."""
        query = select(func.min(job_documents.c.due_at)).where(
            job_documents.c.job_id == claim.job_id, job_documents.c.state == WAITING
        )
        with self._reading() as connection:
            moment: datetime | None = connection.execute(query).scalar()
        return moment

    def end_document(
        self, claim: Claim, place: int, outcome: Outcome, within: Sequence[NewJobDocument] = ()
    ) -> None:
        """Note what became of a document, and list those that were found within it, in one step."""
        row = {
            "state": outcome.state,
            "document_id": outcome.document_id,
            "chunks": outcome.chunks,
            "tokens": outcome.tokens,
            "warnings": list(outcome.warnings),
            "error": outcome.error,
            "tries": job_documents.c.tries + 1,
            "ended_at": datetime.now(UTC),
        }
        self._write_document(claim, place, row, within)

    def postpone_document(self, claim: Claim, place: int, due_at: datetime, error: dict[str, Any]) -> None:
        """Try a document again at `due_at`; `error` is why it did not succeed now."""
        self._write_document(
            claim, place, {"due_at": due_at, "tries": job_documents.c.tries + 1, "error": error}, ()
        )

    def add_outcome(self, claim: Claim, uri: str, outcome: Outcome) -> None:
        """Note what was done to a document that no source listed: one that has vanished was removed."""
        here = (job_documents.c.job_id == claim.job_id) & (job_documents.c.uri_hash == uri_hash(uri))
        row = {
            "state": outcome.state,
            "document_id": outcome.document_id,
            "error": outcome.error,
            "ended_at": datetime.now(UTC),
        }
        with self._writing() as connection:
            held(connection, claim)
            add_documents(connection, claim.job_id, [NewJobDocument(uri, uri, -1)])
            connection.execute(update(job_documents).where(here).values(row))

    def states_of_uris(self, job_id: str) -> dict[str, str]:
        """Every uri of a job, with the state of its document."""
        query = select(job_documents.c.uri, job_documents.c.state).where(job_documents.c.job_id == job_id)
        with self._reading() as connection:
            return dict(connection.execute(query).tuples().all())

    def listed_sources(self, job_id: str) -> set[int]:
        """The places of the sources that have listed anything."""
        query = select(job_documents.c.source).where(job_documents.c.job_id == job_id).distinct()
        with self._reading() as connection:
            return set(connection.execute(query).scalars())

    def end_job(self, claim: Claim, state: str, error: dict[str, Any] | None = None) -> None:
        """Note how a job ended, and let go of the files that nobody can ask for again."""
        with self._writing() as connection:
            held(connection, claim)
            if state == "cancelled":
                end_waiting(connection, claim.job_id)
            ended = {"state": state, "error": error, "ended_at": datetime.now(UTC), "worker": None}
            connection.execute(update(jobs).where(jobs.c.id == claim.job_id).values(ended))
            let_go(connection, claim.job_id)

    def release_job(self, claim: Claim) -> None:
        """Let any worker go on with a job, as when this one stops."""
        mine = (jobs.c.id == claim.job_id) & (jobs.c.claim == claim.number) & (jobs.c.state == "running")
        with self._writing() as connection:
            connection.execute(update(jobs).where(mine).values(worker=None, state="queued"))

    def _write_document(
        self, claim: Claim, place: int, row: dict[str, Any], within: Sequence[NewJobDocument]
    ) -> None:
        here = (job_documents.c.job_id == claim.job_id) & (job_documents.c.place == place)
        with self._writing() as connection:
            held(connection, claim)
            add_documents(connection, claim.job_id, within)
            connection.execute(update(job_documents).where(here).values(row))


def _is_free() -> ColumnElement[bool]:
    idle = or_(jobs.c.worker.is_(None), jobs.c.worker.not_in(living()))
    return (jobs.c.state == "queued") | ((jobs.c.state == "running") & idle)


def _of_this_host() -> ColumnElement[bool]:
    return or_(jobs.c.host.is_(None), jobs.c.host == this_host())
