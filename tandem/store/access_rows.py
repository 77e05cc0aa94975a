"""Who may see a document, in SQL: the one condition that every reading of documents holds."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, true

from tandem.store.access_schema import document_groups
from tandem.store.schema import versions
from tandem.store.transactions import lock

Groups = tuple[str, ...] | None
"""As `Caller.groups`."""
_AT_ONCE = 500
"""Ids in one statement: a database takes only so many values in one."""


def may_see(groups: Groups, document_id: ColumnElement[str] | None = None) -> ColumnElement[bool]:
    """Whether a caller of these groups may see a document, by default the one of a row of `versions`."""
    if groups is None:
        return true()
    return seen_by(groups, versions.c.document_id if document_id is None else document_id)


def seen_by(groups: Any, document_id: ColumnElement[str]) -> ColumnElement[bool]:
    """The condition itself; `groups` are values, or a parameter that stands for them."""
    # Nothing but its own table is the inner query's: the document may be of a query two levels further out.
    has_any = exists().where(document_groups.c.document_id == document_id).correlate_except(document_groups)
    return ~has_any | has_any.where(document_groups.c.name.in_(groups))


def has_just(groups: Sequence[str], document_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a document has these access groups and no other."""
    of_document = document_groups.c.document_id == document_id
    if not groups:
        return ~exists().where(of_document).correlate_except(document_groups)
    counted = select(func.count()).where(of_document).correlate_except(document_groups)
    named = counted.where(document_groups.c.name.in_(list(groups))).scalar_subquery()
    return (named == len(groups)) & (counted.scalar_subquery() == len(groups))


def same_groups(one: ColumnElement[str], other: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether two documents have the same access groups."""
    return ~_lacks(one, other) & ~_lacks(other, one)


def _lacks(one: ColumnElement[str], other: ColumnElement[str]) -> ColumnElement[bool]:
    mine, theirs = document_groups.alias(), document_groups.alias()
    same_name = theirs.c.name == mine.c.name
    shared = exists().where(theirs.c.document_id == other, same_name).correlate_except(theirs)
    return exists().where(mine.c.document_id == one, ~shared).correlate_except(mine)


def groups_of(connection: Connection, document_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The access groups of documents, each sorted; one that everybody may see is left out."""
    found: dict[str, list[str]] = defaultdict(list)
    ids = list(document_ids)
    for start in range(0, len(ids), _AT_ONCE):
        query = select(document_groups.c.document_id, document_groups.c.name).where(
            document_groups.c.document_id.in_(ids[start : start + _AT_ONCE])
        )
        for document_id, name in connection.execute(query):
            found[document_id].append(name)
    return {known: tuple(sorted(names)) for known, names in found.items()}


def write_groups(
    connection: Connection, document_id: str, tenant: str, corpus: str, groups: Sequence[str]
) -> tuple[str, ...]:
    """Give a document these groups in place of those that it had, which are returned."""
    lock(connection, document_id)
    before = groups_of(connection, [document_id]).get(document_id, ())
    if before != tuple(sorted(groups)):
        connection.execute(delete(document_groups).where(document_groups.c.document_id == document_id))
        rows = [
            {"document_id": document_id, "name": name, "tenant": tenant, "corpus": corpus}
            for name in sorted(set(groups))
        ]
        if rows:
            connection.execute(insert(document_groups), rows)
    return before


def forget_groups(connection: Connection, which: ColumnElement[bool]) -> None:
    """Forget the groups of those documents of which there is no version any more."""
    left = exists().where(versions.c.document_id == document_groups.c.document_id)
    connection.execute(delete(document_groups).where(which, ~left))
