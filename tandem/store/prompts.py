"""Versions of prompts: added, found, tagged."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from tandem.errors import InvalidRequestError, NotFoundError, StorageError
from tandem.store.audit import append_audit
from tandem.store.recipe_records import PromptVersion
from tandem.store.recipe_schema import prompt_tags, prompt_versions
from tandem.store.transactions import Transactions, lock

_NUMBER = re.compile(r"[0-9]{1,7}")
_HASH = re.compile(r"[0-9a-f]{8,64}")
_TAG = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Prompts(Transactions):
    """The prompts. A version is a number, the first digits of its hash (8 at least), or a tag; without one
    it is the newest.
    """

    def save_prompt(
        self, name: str, text: str, author: str, note: str = "", *, known: bool = False
    ) -> tuple[PromptVersion, bool]:
        """The newest version, and whether it was made just now: a text that is the newest already is not.

        With `known`, neither is a text that was ever saved under the name.
        """
        with self._writing() as connection:
            lock(connection, f"prompt {name}")
            newest = _newest(connection, name)
            if newest is not None and newest.text == text:
                return newest, False
            if known and newest is not None:
                query = _rows(name).where(prompt_versions.c.hash == _hash(text))
                if found := connection.execute(query.limit(1)).one_or_none():
                    return _version(connection, found), False
            return _add(connection, name, text, author, note, newest), True

    def restore_prompt(self, name: str, version: str, author: str, note: str = "") -> PromptVersion:
        """Let an old text be the newest version. Raises `NotFoundError`."""
        with self._writing() as connection:
            lock(connection, f"prompt {name}")
            old, newest = _found(connection, name, version), _newest(connection, name)
            if newest is not None and newest.text == old.text:
                return newest
            return _add(connection, name, old.text, author, note or f"Restored from {old.label}", newest)

    def prompts(self) -> list[PromptVersion]:
        """The newest version of every prompt, by name."""
        numbers = select(prompt_versions.c.name, func.max(prompt_versions.c.number).label("number"))
        last = numbers.group_by(prompt_versions.c.name).subquery()
        same = and_(prompt_versions.c.name == last.c.name, prompt_versions.c.number == last.c.number)
        query = select(prompt_versions).join(last, same).order_by(prompt_versions.c.name)
        with self._reading() as connection:
            return [_version(connection, row) for row in connection.execute(query).all()]

    def prompt(self, name: str, version: str | None = None) -> PromptVersion:
        """One version of a prompt, the newest by default. Raises `NotFoundError`."""
        with self._reading() as connection:
            return _found(connection, name, version)

    def prompt_history(self, name: str, limit: int = 1_000) -> list[PromptVersion]:
        """The versions of a prompt, newest first. Raises `NotFoundError`."""
        with self._reading() as connection:
            rows = connection.execute(_rows(name).limit(limit)).all()
            if not rows:
                raise _no_prompt(name)
            return [_version(connection, row) for row in rows]

    def tag_prompt(self, name: str, tag: str, version: str | None, author: str) -> PromptVersion:
        """Let `tag` mean this version, whatever it meant before. Raises `NotFoundError`, and
        `InvalidRequestError` for a tag that could be a number or a hash.
        """
        if not _TAG.fullmatch(tag) or _HASH.fullmatch(tag):
            raise InvalidRequestError(
                f"{tag!r} cannot be a tag",
                param="tag",
                hint="Up to 64 of a-z, 0-9, - and _, beginning with a letter, that is not a hash.",
            )
        with self._writing() as connection:
            lock(connection, f"prompt {name}")
            wanted = _found(connection, name, version)
            values = {"number": wanted.number, "author": author, "moved_at": datetime.now(UTC)}
            if not connection.execute(update(prompt_tags).where(_tagged(name, tag)).values(values)).rowcount:
                connection.execute(insert(prompt_tags).values(values | {"name": name, "tag": tag}))
            told = {"tag": tag}
            append_audit(
                connection, subject=author, action="prompt.tagged", object=wanted.label, details=told
            )
            return _found(connection, name, str(wanted.number))

    def untag_prompt(self, name: str, tag: str, author: str) -> None:
        """Take a tag away; the version stays. Raises `NotFoundError`."""
        with self._writing() as connection:
            if not connection.execute(delete(prompt_tags).where(_tagged(name, tag))).rowcount:
                raise NotFoundError(f"The prompt {name!r} has no tag {tag!r}", param="tag")
            append_audit(
                connection, subject=author, action="prompt.untagged", object=name, details={"tag": tag}
            )


def _rows(name: str) -> Any:
    newest_first = prompt_versions.c.number.desc()
    return select(prompt_versions).where(prompt_versions.c.name == name).order_by(newest_first)


def _tagged(name: str, tag: str) -> Any:
    return and_(prompt_tags.c.name == name, prompt_tags.c.tag == tag)


def _newest(connection: Connection, name: str) -> PromptVersion | None:
    row = connection.execute(_rows(name).limit(1)).one_or_none()
    return None if row is None else _version(connection, row)


def _found(connection: Connection, name: str, version: str | None) -> PromptVersion:
    newest = _newest(connection, name)
    if newest is None:
        raise _no_prompt(name)
    if version is None:
        return newest
    query = _rows(name)
    if _NUMBER.fullmatch(version):
        query = query.where(prompt_versions.c.number == int(version))
    elif _HASH.fullmatch(version):
        query = query.where(prompt_versions.c.hash.startswith(version))
    else:
        number = select(prompt_tags.c.number).where(_tagged(name, version)).scalar_subquery()
        query = query.where(prompt_versions.c.number == number)
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        raise NotFoundError(
            f"The prompt {name!r} has no version {version!r}",
            param="version",
            hint=f"Its newest is {newest.number}; a version is a number, a tag, or the hash's first digits.",
        )
    return _version(connection, row)


def _version(connection: Connection, row: Row[Any]) -> PromptVersion:
    found = PromptVersion(**row._mapping)
    if _hash(found.text) != found.hash:
        raise StorageError(
            f"The prompt {found.label} is not what was saved: its text does not have its hash",
            hint="Somebody has changed the database; restore it from a backup.",
        )
    tags = select(prompt_tags.c.tag).where(
        prompt_tags.c.name == found.name, prompt_tags.c.number == found.number
    )
    return replace(found, tags=tuple(connection.execute(tags.order_by(prompt_tags.c.tag)).scalars()))


def _add(
    connection: Connection, name: str, text: str, author: str, note: str, newest: PromptVersion | None
) -> PromptVersion:
    number = newest.number + 1 if newest else 1
    made = PromptVersion(name, number, _hash(text), author, note, datetime.now(UTC), text)
    columns = prompt_versions.c.keys()
    connection.execute(insert(prompt_versions).values({column: getattr(made, column) for column in columns}))
    told = {"hash": made.hash, "note": note}
    append_audit(connection, subject=author, action="prompt.saved", object=made.label, details=told)
    return made


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _no_prompt(name: str) -> NotFoundError:
    return NotFoundError(f"There is no prompt {name!r}", param="prompt", hint="tandem prompts list")
