"""Eval runs and what was answered in them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Row, Select, and_, delete, func, insert, select, update

from tandem.errors import NotFoundError
from tandem.store.eval_run_schema import eval_replies, eval_runs
from tandem.store.eval_set_removals import forget_cases, lock_of_set
from tandem.store.eval_set_schema import eval_set_versions
from tandem.store.transactions import Transactions, lock

_LEAST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class EvalRunRow:
    """A run; see `eval.running` for what the facts say."""

    id: str
    state: str
    set_name: str
    created_at: datetime
    ended_at: datetime | None
    facts: dict[str, Any]
    replies: int
    failed: int


class EvalRunRows(Transactions):
    """Keeps runs, and each reply as it comes."""

    def begin_eval_run(self, set_name: str, facts: dict[str, Any]) -> EvalRunRow:
        """A new run, in the state `running`. Raises `NotFoundError` where its set was removed in the meantime."""
        row = {"id": uuid4().hex, "state": "running", "set_name": set_name, "created_at": datetime.now(UTC)}
        number = facts["eval_set"]["number"]
        gone = select(eval_set_versions.c.removed_at).where(
            eval_set_versions.c.name == set_name, eval_set_versions.c.number == number
        )
        with self._writing() as connection:
            lock(connection, lock_of_set(set_name))
            if connection.execute(gone).scalar() is not None:
                raise NotFoundError(f"The eval set {set_name}@{number} was removed", param="set")
            connection.execute(insert(eval_runs).values(**row, ended_at=None, facts=facts))
        return self.eval_run(str(row["id"]))

    def add_eval_reply(self, run: str, key: str, reply: dict[str, Any], *, failed: bool) -> bool:
        """Keep a reply, unless the run has one of this key; whether it was kept. Raises `NotFoundError`."""
        mine = eval_replies.c
        with self._writing() as connection:
            lock(connection, f"eval run {run}")
            if connection.execute(select(eval_runs.c.id).where(eval_runs.c.id == run)).scalar() is None:
                raise _unknown(run)
            if connection.execute(select(mine.key).where(mine.run == run, mine.key == key)).scalar():
                return False
            connection.execute(insert(eval_replies).values(run=run, key=key, failed=failed, reply=reply))
            return True

    def eval_replies(self, run: str) -> list[tuple[str, dict[str, Any]]]:
        """Keys and replies of a run, by key."""
        mine = eval_replies.c
        query = select(mine.key, mine.reply).where(mine.run == run).order_by(mine.key)
        with self._reading() as connection:
            return list(connection.execute(query).tuples())

    def remove_failed_eval_replies(self, run: str) -> int:
        """Forget the failures of a run; how many there were."""
        with self._writing() as connection:
            gone = delete(eval_replies).where(eval_replies.c.run == run, eval_replies.c.failed)
            return connection.execute(gone).rowcount

    def set_eval_run_state(self, run: str, state: str) -> None:
        """Note how far a run is; but for `running`, that is its end. Raises `NotFoundError`."""
        ended = None if state == "running" else datetime.now(UTC)
        change = update(eval_runs).where(eval_runs.c.id == run).values(state=state, ended_at=ended)
        with self._writing() as connection:
            if not connection.execute(change).rowcount:
                raise _unknown(run)

    def eval_runs(self, set_name: str | None = None, limit: int = 100) -> list[EvalRunRow]:
        """Runs, the newest first."""
        query = _counted().order_by(eval_runs.c.created_at.desc(), eval_runs.c.id).limit(limit)
        if set_name is not None:
            query = query.where(eval_runs.c.set_name == set_name)
        with self._reading() as connection:
            return [_row(one) for one in connection.execute(query)]

    def eval_run(self, run: str) -> EvalRunRow:
        """A run by its id, or by four or more of its first letters. Raises `NotFoundError`, also for two such."""
        with self._reading() as connection:
            found = connection.execute(_counted().where(eval_runs.c.id == run)).all()
            if not found and len(run) >= _LEAST_PREFIX:
                begins = eval_runs.c.id.startswith(run, autoescape=True)
                found = connection.execute(_counted().where(begins).limit(2)).all()
        if len(found) != 1:
            raise _unknown(run)
        return _row(found[0])

    def delete_eval_run(self, run: str) -> None:
        """Remove a run with its replies, and the cases of a removed set that only it needed. Raises `NotFoundError`."""
        with self._writing() as connection:
            named = select(eval_runs.c.set_name).where(eval_runs.c.id == run)
            set_name = connection.execute(named).scalar_one_or_none()
            if set_name is None:
                raise _unknown(run)
            lock(connection, lock_of_set(set_name))
            lock(connection, f"eval run {run}")
            connection.execute(delete(eval_replies).where(eval_replies.c.run == run))
            if not connection.execute(delete(eval_runs).where(eval_runs.c.id == run)).rowcount:
                raise _unknown(run)
            forget_cases(connection, set_name)


def _counted() -> Select[Any]:
    mine = eval_replies.c
    counts = select(mine.run, func.count().label("replies")).group_by(mine.run).subquery()
    failures = select(mine.run, func.count().label("failed")).where(mine.failed).group_by(mine.run).subquery()
    return (
        select(
            *eval_runs.c,
            func.coalesce(counts.c.replies, 0).label("replies"),
            func.coalesce(failures.c.failed, 0).label("failed"),
        )
        .outerjoin(counts, and_(counts.c.run == eval_runs.c.id))
        .outerjoin(failures, and_(failures.c.run == eval_runs.c.id))
    )


def _row(row: Row[Any]) -> EvalRunRow:
    return EvalRunRow(**row._mapping)


def _unknown(run: str) -> NotFoundError:
    return NotFoundError(f"There is no eval run {run!r}", param="run", hint="tandem eval runs")
