"""Versions of adapters: added, found, tagged, removed."""

import re
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, select, update

from tandem.errors import ConflictError, InvalidRequestError, NotFoundError
from tandem.store.adapter_records import AdapterRow, TagMove
from tandem.store.adapter_schema import adapter_tag_moves, adapter_versions
from tandem.store.audit import append_audit
from tandem.store.transactions import Transactions, lock

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_TAG = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_COLUMNS = [one.name for one in fields(AdapterRow) if one.name != "tags"]


class Adapters(Transactions):
    """The adapters. A version is a number or a tag; without one it is the newest."""

    def add_adapter(self, name: str, place: Callable[[int], AdapterRow], above: int = 0) -> AdapterRow:
        """Register a version. `place` gets its number, puts its files in place, and says what they are.

        The number is higher than any that was given, and than `above`.

        If it raises, nothing is registered; if the process dies after it, its files are nobody's.
        """
        with self._writing() as connection:
            # One at a time for a name, so that a number is given once.
            lock(connection, _lock_of(name))
            used = func.max(adapter_versions.c.number)
            last = connection.execute(select(used).where(adapter_versions.c.name == name)).scalar() or 0
            row = place(max(last, above) + 1)
            connection.execute(insert(adapter_versions).values({one: getattr(row, one) for one in _COLUMNS}))
            append_audit(
                connection, subject=row.author, action="adapter.registered", object=f"{name}@{row.number}"
            )
            return row

    def adapters(self, name: str | None = None) -> list[AdapterRow]:
        """Versions that are registered now, by name, the newest first; of one name, if it is given."""
        table = adapter_versions.c
        query = select(adapter_versions).where(table.removed_at.is_(None))
        if name is not None:
            query = query.where(table.name == name)
        with self._reading() as connection:
            tags = _tags(connection, name)
            rows = connection.execute(query.order_by(table.name, table.number.desc())).all()
            return [_row(one._mapping, tags) for one in rows]

    def adapter(self, name: str, version: str | None = None) -> AdapterRow:
        """One version, the newest by default. Raises `NotFoundError`."""
        with self._reading() as connection:
            return _found(connection, name, version)

    def move_adapter_tag(
        self,
        name: str,
        tag: str,
        version: str | None,
        *,
        author: str,
        reason: str = "",
        expected: int | None = None,
    ) -> AdapterRow:
        """Let `tag` mean this version, whatever it meant before, in one step.

        Raises `NotFoundError`, `InvalidRequestError` for what cannot be a tag, and `ConflictError` where the
        tag is not on the version of the number `expected` (0: on none).
        """
        if not _TAG.fullmatch(tag):
            raise InvalidRequestError(
                f"{tag!r} cannot be a tag",
                param="tag",
                hint="Up to 64 of a-z, 0-9, - and _, beginning with a letter.",
            )
        with self._writing() as connection:
            lock(connection, _lock_of(name))
            wanted = _found(connection, name, version)
            now = _tags(connection, name).get((name, tag))
            if expected is not None and (now or 0) != expected:
                raise ConflictError(
                    f"The tag {tag!r} of {name!r} is on {f'version {now}' if now else 'no version'}, not on "
                    f"{f'version {expected}' if expected else 'none'}",
                    param="expected",
                    hint=f"Somebody has moved it; look at it again: tandem adapters show {name}@{tag}",
                )
            if now == wanted.number:
                return wanted
            _move(connection, name, tag, wanted.number, author, reason)
            return _found(connection, name, str(wanted.number))

    def take_adapter_tag(self, name: str, tag: str, *, author: str, reason: str = "") -> None:
        """Take a tag away; the version stays. Raises `NotFoundError`."""
        with self._writing() as connection:
            lock(connection, _lock_of(name))
            if (name, tag) not in _tags(connection, name):
                raise NotFoundError(f"The adapter {name!r} has no tag {tag!r}", param="tag")
            _move(connection, name, tag, None, author, reason)

    def adapter_tag_moves(self, name: str, limit: int = 1_000) -> list[TagMove]:
        """Where the tags of a name have been, the newest move first."""
        table = adapter_tag_moves.c
        query = select(adapter_tag_moves).where(table.name == name)
        newest_first = (table.moved_at.desc(), table.move.desc(), table.tag)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(*newest_first).limit(limit))
            return [TagMove(**row._mapping) for row in rows]

    def remove_adapter(self, name: str, number: int, *, author: str, tagged: bool = False) -> AdapterRow:
        """Take a version out for good; its number stays used. With `tagged`, its tags go with it.

        Raises `NotFoundError`, and `ConflictError` for a version that has tags.
        """
        with self._writing() as connection:
            lock(connection, _lock_of(name))
            row = _found(connection, name, str(number))
            if row.tags and not tagged:
                raise ConflictError(
                    f"{name}@{number} has the tags {', '.join(row.tags)}",
                    param="adapter",
                    hint=f"Move them to another version first: tandem adapters tag {name}@N {row.tags[0]}",
                )
            for tag in row.tags:
                _move(connection, name, tag, None, author, f"{name}@{number} was removed")
            same = and_(adapter_versions.c.name == name, adapter_versions.c.number == number)
            connection.execute(update(adapter_versions).where(same).values(removed_at=datetime.now(UTC)))
            append_audit(connection, subject=author, action="adapter.removed", object=f"{name}@{number}")
            return row

    def settle_adapters(self, name: str, settle: Callable[[set[int]], None]) -> None:
        """Call `settle` with the registered numbers of a name, while none is added or removed."""
        with self._writing() as connection:
            lock(connection, _lock_of(name))
            table = adapter_versions.c
            query = select(table.number).where(table.name == name, table.removed_at.is_(None))
            settle(set(connection.execute(query).scalars()))


def _lock_of(name: str) -> str:
    return f"adapter {name}"


def _found(connection: Connection, name: str, version: str | None) -> AdapterRow:
    table = adapter_versions.c
    tags = _tags(connection, name)
    query = select(adapter_versions).where(table.name == name, table.removed_at.is_(None))
    query = query.order_by(table.number.desc()).limit(1)
    newest = connection.execute(query).one_or_none()
    if newest is None:
        raise NotFoundError(f"There is no adapter {name!r}", param="adapter", hint="tandem adapters list")
    if version is None:
        return _row(newest._mapping, tags)
    number = int(version) if _NUMBER.fullmatch(version) else tags.get((name, version))
    row = connection.execute(query.where(table.number == number)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"The adapter {name!r} has no version {version!r}",
            param="adapter",
            hint=f"Its newest is {newest.number}; a version is a number or a tag.",
        )
    return _row(row._mapping, tags)


def _tags(connection: Connection, name: str | None) -> dict[tuple[str, str], int]:
    """Number of the version that has a tag now, by name and tag."""
    table = adapter_tag_moves.c
    newest = select(table.name, table.tag, func.max(table.move).label("move")).group_by(table.name, table.tag)
    if name is not None:
        newest = newest.where(table.name == name)
    last = newest.subquery()
    same = and_(table.name == last.c.name, table.tag == last.c.tag, table.move == last.c.move)
    query = select(table.name, table.tag, table.number).join(last, same).where(table.number.is_not(None))
    return {(row.name, row.tag): row.number for row in connection.execute(query)}


def _row(values: Any, tags: dict[tuple[str, str], int]) -> AdapterRow:
    row = AdapterRow(**{one: values[one] for one in _COLUMNS})
    mine = (tag for (name, tag), number in tags.items() if (name, number) == (row.name, row.number))
    return replace(row, tags=tuple(sorted(mine)))


def _move(connection: Connection, name: str, tag: str, number: int | None, author: str, reason: str) -> None:
    table = adapter_tag_moves.c
    moves = select(func.max(table.move)).where(table.name == name, table.tag == tag)
    values = {
        "name": name,
        "tag": tag,
        "move": (connection.execute(moves).scalar() or 0) + 1,
        "number": number,
        "author": author,
        "reason": reason,
        "moved_at": datetime.now(UTC),
    }
    connection.execute(insert(adapter_tag_moves).values(values))
    told = {"tag": tag, "reason": reason}
    action = "adapter.untagged" if number is None else "adapter.tagged"
    where = name if number is None else f"{name}@{number}"
    append_audit(connection, subject=author, action=action, object=where, details=told)
