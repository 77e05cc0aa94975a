"""Versions of eval sets: added, found."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from tandem.errors import NotFoundError
from tandem.store.eval_set_records import EvalSetRow
from tandem.store.eval_set_removals import lock_of_set
from tandem.store.eval_set_schema import eval_set_versions
from tandem.store.transactions import Transactions, lock


class StoredEvalSets(Transactions):
    """The eval sets. A version is a number; without one it is the newest."""

    def save_eval_set(
        self,
        name: str,
        *,
        digest: str,
        cases: str,
        count: int,
        description: str,
        note: str,
        author: str,
        origin: dict[str, Any],
    ) -> tuple[EvalSetRow, bool]:
        """The newest version, and whether it was made just now: cases of its `digest` are not."""
        with self._writing() as connection:
            lock(connection, lock_of_set(name))
            newest = _found(connection, name, None)
            if newest is not None and newest.hash == digest:
                return newest, False
            numbers = select(func.max(eval_set_versions.c.number)).where(eval_set_versions.c.name == name)
            made = EvalSetRow(
                name,
                (connection.execute(numbers).scalar() or 0) + 1,
                digest,
                count,
                description or (newest.description if newest else ""),
                note,
                author,
                datetime.now(UTC),
                origin,
                cases,
            )
            columns = eval_set_versions.c.keys()
            values = {column: getattr(made, column) for column in columns}
            connection.execute(insert(eval_set_versions).values(values))
            return made, True

    def eval_set(self, name: str, number: int | None = None, *, removed: bool = False) -> EvalSetRow:
        """One version with its cases, the newest by default, and with `removed` also one that was removed.

        Raises `NotFoundError`.
        """
        with self._reading() as connection:
            found = _found(connection, name, number, removed=removed)
            newest = found if found or number is None else _found(connection, name, None)
        if found is not None:
            return found
        if newest is not None:
            raise NotFoundError(
                f"The eval set {name!r} has no version {number}",
                param="set",
                hint=f"Its newest is {newest.number}.",
            )
        raise _no_set(name)

    def eval_sets(self, name: str | None = None) -> list[EvalSetRow]:
        """Versions by name, the newest first, without their cases; of one name, if it is given.

        Raises `NotFoundError` for a name that there is not.
        """
        columns = [column for column in eval_set_versions.c if column.name != "cases"]
        query = select(*columns).where(eval_set_versions.c.removed_at.is_(None))
        query = query.order_by(eval_set_versions.c.name, eval_set_versions.c.number.desc())
        if name is not None:
            query = query.where(eval_set_versions.c.name == name)
        with self._reading() as connection:
            rows = [EvalSetRow(**row._mapping) for row in connection.execute(query)]
        if name is not None and not rows:
            raise _no_set(name)
        return rows


def _found(
    connection: Connection, name: str, number: int | None, *, removed: bool = False
) -> EvalSetRow | None:
    table = eval_set_versions.c
    query = select(eval_set_versions).where(table.name == name)
    if not removed:
        query = query.where(table.removed_at.is_(None))
    if number is not None:
        query = query.where(table.number == number)
    row = connection.execute(query.order_by(table.number.desc()).limit(1)).one_or_none()
    return None if row is None else EvalSetRow(**row._mapping)


def _no_set(name: str) -> NotFoundError:
    return NotFoundError(f"There is no eval set {name!r}", param="set", hint="tandem eval sets list")
