"""Re-embeddings: asked for, claimed by one worker, taken up by another when it dies. One at a time."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tandem.errors import ConflictError
from tandem.store.audit import append_audit
from tandem.store.job_rows import living
from tandem.store.records import Reindexing
from tandem.store.schema import reindexings
from tandem.store.transactions import Transactions

_IDLE = reindexings.c.worker.is_(None) | reindexings.c.worker.not_in(living())


class Reindexings(Transactions):
    """The re-embedding that is under way, if one is, and those before it."""

    def reindexing(self, reindexing_id: str | None = None) -> Reindexing | None:
        """The one of this id, else the latest."""
        query = select(reindexings).order_by(reindexings.c.created_at.desc()).limit(1)
        if reindexing_id is not None:
            query = query.where(reindexings.c.id == reindexing_id)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Reindexing(**row._mapping)

    def request_reindexing(self, embedding: dict[str, Any] | None, subject: str) -> Reindexing:
        """Queue a re-embedding; `None` goes back to the collection before.

        An interrupted one for the same embedder is taken up again. Raises `ConflictError` where one runs, or
        where another is interrupted.
        """
        last = self.reindexing()
        if last is not None and last.unfinished:
            return self._again(last, embedding)
        reindexing_id = str(uuid4())
        row = {
            "id": reindexing_id,
            "state": "queued",
            "unfinished": True,
            "embedding": embedding,
            "documents": 0,
            "total": 0,
            "chunks": 0,
            "created_at": datetime.now(UTC),
        }
        try:
            with self._writing() as connection:
                connection.execute(insert(reindexings).values(row))
                wanted = None if embedding is None else embedding["model"]
                append_audit(
                    connection,
                    subject=subject,
                    action="embedder.changed",
                    object=reindexing_id,
                    details={"model": wanted},
                )
        except IntegrityError as error:
            raise _runs() from error
        return self._known(reindexing_id)

    def claim_reindexing(self, worker: str) -> Reindexing | None:
        """Take the one that waits, or whose worker is dead; else `None`."""
        free = _open() & or_(reindexings.c.state == "queued", _IDLE)
        with self._writing() as connection:
            taken = update(reindexings).where(free).values(state="running", worker=worker)
            if not connection.execute(taken).rowcount:
                return None
        last = self.reindexing()
        return last if last is not None and last.worker == worker else None

    def has_reindexing(self) -> bool:
        """Whether `claim_reindexing` would find one; cheaper, as it does not write."""
        with self._reading() as connection:
            query = select(reindexings.c.id).where(_open(), or_(reindexings.c.state == "queued", _IDLE))
            return connection.execute(query).first() is not None

    def is_reindexing(self) -> bool:
        """Whether a worker that lives is at it."""
        with self._reading() as connection:
            query = select(reindexings.c.id).where(_open(), reindexings.c.worker.in_(living()))
            return connection.execute(query).first() is not None

    def begin_counting(self, reindexing_id: str, total: int) -> None:
        """Note how many documents are to be done from here on."""
        with self._writing() as connection:
            fresh = {"total": reindexings.c.documents + total}
            connection.execute(update(reindexings).where(reindexings.c.id == reindexing_id).values(fresh))

    def release_reindexing(self, reindexing_id: str, worker: str) -> None:
        """Let another worker take it up."""
        mine = _open() & (reindexings.c.id == reindexing_id) & (reindexings.c.worker == worker)
        with self._writing() as connection:
            connection.execute(update(reindexings).where(mine).values(state="queued", worker=None))

    def give_up_reindexing(self) -> None:
        """End one that was interrupted."""
        why = {"type": "conflict_error", "message": "It was given up"}
        with self._writing() as connection:
            connection.execute(
                update(reindexings)
                .where(_open(), _IDLE)
                .values(state="failed", unfinished=None, ended_at=datetime.now(UTC), error=why)
            )

    def fail_reindexing(self, reindexing_id: str, error: dict[str, Any]) -> None:
        """End it, and say why."""
        with self._writing() as connection:
            end_reindexing(connection, reindexing_id, error)

    def _again(self, last: Reindexing, embedding: dict[str, Any] | None) -> Reindexing:
        if self.is_reindexing():
            raise _runs()
        if last.embedding != embedding:
            raise ConflictError(
                f"An interrupted re-embedding waits: {last.wanted}",
                hint="Go on with it: tandem reindex --resume. Give it up: tandem reindex --drop.",
            )
        return last

    def _known(self, reindexing_id: str) -> Reindexing:
        found = self.reindexing(reindexing_id)
        if found is None:
            raise ConflictError("The re-embedding was just removed")
        return found


def advance(connection: Connection, reindexing_id: str, worker: str, documents: int, chunks: int) -> None:
    """Count what was done. Raises `ConflictError` if another worker has the re-embedding now."""
    mine = _open() & (reindexings.c.id == reindexing_id) & (reindexings.c.worker == worker)
    done = {
        "documents": reindexings.c.documents + documents,
        "chunks": reindexings.c.chunks + chunks,
    }
    if not connection.execute(update(reindexings).where(mine).values(done)).rowcount:
        raise ConflictError("The re-embedding was ended or taken over by another worker")


def end_reindexing(connection: Connection, reindexing_id: str, error: dict[str, Any] | None = None) -> None:
    """Note the end of it, and why if it failed."""
    ended = {
        "state": "done" if error is None else "failed",
        "unfinished": None,
        "ended_at": datetime.now(UTC),
        "error": error,
    }
    which = _open() & (reindexings.c.id == reindexing_id)
    connection.execute(update(reindexings).where(which).values(ended))


def _open() -> ColumnElement[bool]:
    return reindexings.c.unfinished.is_(True)


def _runs() -> ConflictError:
    return ConflictError("A re-embedding runs already", hint="See how far it is: tandem status")
