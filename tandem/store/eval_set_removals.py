"""Versions of eval sets that are removed: their cases go once no run needs them for its figures."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.store.eval_run_schema import eval_runs
from tandem.store.eval_set_records import EvalSetUse
from tandem.store.eval_set_schema import eval_set_versions
from tandem.store.transactions import Transactions, lock

_versions = eval_set_versions.c


class EvalSetRemovals(Transactions):
    """Removes versions. Their numbers are not given again: a run says on which it measured."""

    def eval_set_uses(self, name: str, number: int | None = None) -> list[EvalSetUse]:
        """What a removal of one version, or of all, would take, the newest first. Raises `NotFoundError`."""
        with self._reading() as connection:
            return _uses(connection, name, number)

    def remove_eval_set(self, name: str, number: int | None = None) -> list[EvalSetUse]:
        """Remove one version, or all; what that took. Their runs can still be looked at and gone on with.

        Raises `NotFoundError`, and `ConflictError` while a run that asks one of them is under way.
        """
        with self._writing() as connection:
            lock(connection, lock_of_set(name))
            uses = _uses(connection, name, number)
            if running := [run for one in uses for run in one.running]:
                raise ConflictError(
                    f"{', '.join(run[:8] for run in running)} is asking the questions of {name!r}",
                    param="set",
                    hint="Wait for the run or the gate; one that was killed: tandem eval resume, or delete.",
                )
            gone = _versions.number.in_([one.number for one in uses])
            mine = update(eval_set_versions).where(_versions.name == name, gone)
            connection.execute(mine.values(removed_at=datetime.now(UTC)))
            forget_cases(connection, name)
            return uses


def lock_of_set(name: str) -> str:
    """The lock of all that adds and removes versions of a set, and begins runs on it."""
    return f"eval set {name}"


def forget_cases(connection: Connection, name: str) -> None:
    """Take what users have written out of removed versions that no run needs; within a transaction under the lock."""
    unused = ~exists().where(_measured_on())
    removed = and_(_versions.name == name, _versions.removed_at.is_not(None), unused)
    nothing = {"cases": "", "description": "", "note": "", "author": "", "origin": {}}
    connection.execute(update(eval_set_versions).where(removed).values(nothing))


def _measured_on() -> ColumnElement[bool]:
    facts = eval_runs.c.facts["eval_set"]["number"].as_integer()
    return and_(eval_runs.c.set_name == _versions.name, facts == _versions.number)


def _uses(connection: Connection, name: str, number: int | None) -> list[EvalSetUse]:
    rows = connection.execute(_wanted(name, number)).all()
    if not rows:
        version = "" if number is None else f" in version {number}"
        raise NotFoundError(
            f"There is no eval set {name!r}{version}", param="set", hint="tandem eval sets list"
        )
    found = []
    for each, cases in rows:
        query = select(eval_runs.c.id, eval_runs.c.state).join(eval_set_versions, _measured_on())
        runs = connection.execute(query.where(_versions.name == name, _versions.number == each)).all()
        running = tuple(run.id for run in runs if run.state == "running")
        found.append(EvalSetUse(name, each, cases, len(runs), running))
    return found


def _wanted(name: str, number: int | None) -> Select[int, int]:
    query = select(_versions.number, _versions.count).where(
        _versions.name == name, _versions.removed_at.is_(None)
    )
    if number is not None:
        query = query.where(_versions.number == number)
    return query.order_by(_versions.number.desc())
