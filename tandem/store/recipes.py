"""Versions of recipes, and which of them is the champion."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from tandem.errors import ConflictError, NotFoundError
from tandem.store.audit import append_audit
from tandem.store.recipe_records import ChampionChange, RecipeVersion
from tandem.store.recipe_schema import champion_changes, prompt_versions, recipe_versions
from tandem.store.transactions import Transactions, lock

_LOCK = "recipes"
_MOST = 1_000


class Recipes(Transactions):
    """Recipes as they were saved, and the champion's changes."""

    def save_recipe(
        self,
        name: str,
        digest: str,
        definition: dict[str, Any],
        prompt: tuple[str, str],
        author: str,
        note: str = "",
        *,
        known: bool = False,
    ) -> tuple[RecipeVersion, bool]:
        """The newest version, and whether it was made just now: what the newest one says already is not.

        `prompt` is the name and the hash of a version in the store. With `known`, what was ever saved under
        the name is no new version either. Raises `NotFoundError` for an unknown prompt.
        """
        with self._writing() as connection:
            # One at a time, so that ids grow in the order of the commits.
            lock(connection, _LOCK)
            mine = _with_template().where(recipe_versions.c.name == name)
            rows = connection.execute(mine.order_by(recipe_versions.c.number.desc())).all()
            for row in rows if known else rows[:1]:
                if row.hash == digest:
                    return RecipeVersion(**row._mapping), False
            _require_prompt(connection, *prompt)
            last = connection.execute(select(func.max(recipe_versions.c.id))).scalar() or 0
            row_values = {
                "id": last + 1,
                "name": name,
                "number": rows[0].number + 1 if rows else 1,
                "hash": digest,
                "prompt_name": prompt[0],
                "prompt_hash": prompt[1],
                "author": author,
                "note": note,
                "created_at": datetime.now(UTC),
                "definition": definition,
            }
            connection.execute(insert(recipe_versions).values(row_values))
            label = f"{name}@{row_values['number']}"
            told = {"hash": digest, "prompt": f"{prompt[0]}@{prompt[1][:12]}", "note": note}
            append_audit(connection, subject=author, action="recipe.saved", object=label, details=told)
            made = connection.execute(_with_template().where(recipe_versions.c.id == last + 1)).one()
            return RecipeVersion(**made._mapping), True

    def recipes_after(self, last_id: int) -> list[RecipeVersion]:
        """All versions with a greater id, in that order."""
        query = _with_template().where(recipe_versions.c.id > last_id).order_by(recipe_versions.c.id)
        with self._reading() as connection:
            return [RecipeVersion(**row._mapping) for row in connection.execute(query)]

    def champion_change(self) -> ChampionChange | None:
        """The one that holds; `None` as long as the champion is that of the settings."""
        with self._reading() as connection:
            return _holding(connection)

    def champion_history(self, limit: int = _MOST) -> list[ChampionChange]:
        """The changes, newest first; the last is the champion before the first change."""
        query = select(champion_changes).order_by(champion_changes.c.number.desc()).limit(limit)
        with self._reading() as connection:
            return [ChampionChange(**row._mapping) for row in connection.execute(query)]

    def set_champion(
        self,
        recipe: str,
        version: str | None,
        *,
        author: str,
        reason: str,
        initial: str,
        expected: str | None = None,
    ) -> ChampionChange:
        """Let another recipe be the champion, in one step. `initial` is the champion of the settings.

        Raises `ConflictError` where the present one is not `expected` (such as `rag` or `mine@0123456789ab`).
        """
        with self._writing() as connection:
            lock(connection, _LOCK)
            now = _holding(connection)
            present = now.label if now else initial
            _expect(present, expected)
            if now is None:
                now = _change(connection, 1, initial, None, None, "tandem", "Champion of the settings")
            elif (now.recipe, now.version) == (recipe, version):
                return now
            return _change(connection, now.number + 1, recipe, version, now.number, author, reason)

    def rollback_champion(self, *, author: str, reason: str, expected: str | None = None) -> ChampionChange:
        """Let the recipe before the present champion be it again; once more, the one before that.

        Raises `NotFoundError` where there is none, `ConflictError` as `set_champion`.
        """
        with self._writing() as connection:
            lock(connection, _LOCK)
            now = _holding(connection)
            if now is None or now.undoes_to is None:
                raise NotFoundError(
                    "There is no champion to go back to", hint="tandem recipes champion NAME sets one."
                )
            _expect(now.label, expected)
            query = select(champion_changes).where(champion_changes.c.number == now.undoes_to)
            before = ChampionChange(**connection.execute(query).one()._mapping)
            return _change(
                connection,
                now.number + 1,
                before.recipe,
                before.version,
                before.undoes_to,
                author,
                reason or f"Rolled back from {now.label}",
            )


def _with_template() -> Any:
    text = (
        select(prompt_versions.c.text)
        .where(
            prompt_versions.c.name == recipe_versions.c.prompt_name,
            prompt_versions.c.hash == recipe_versions.c.prompt_hash,
        )
        .limit(1)
        .scalar_subquery()
        .label("template")
    )
    return select(recipe_versions, text)


def _require_prompt(connection: Connection, name: str, digest: str) -> None:
    query = select(prompt_versions.c.number).where(
        prompt_versions.c.name == name, prompt_versions.c.hash == digest
    )
    if connection.execute(query.limit(1)).scalar() is None:
        raise NotFoundError(f"The prompt {name!r} has no version {digest[:12]!r}", param="prompt")


def _holding(connection: Connection) -> ChampionChange | None:
    query = select(champion_changes).order_by(champion_changes.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else ChampionChange(**row._mapping)


def _expect(present: str, expected: str | None) -> None:
    if expected is not None and expected != present:
        raise ConflictError(
            f"The champion is {present!r}, not {expected!r}",
            param="expected",
            hint="Somebody has changed it; look at it again: tandem recipes champion",
        )


def _change(
    connection: Connection,
    number: int,
    recipe: str,
    version: str | None,
    undoes_to: int | None,
    author: str,
    reason: str,
) -> ChampionChange:
    held = _holding(connection)
    before = held.label if held else None
    made = ChampionChange(number, recipe, version, undoes_to, author, reason, datetime.now(UTC))
    columns = champion_changes.c.keys()
    connection.execute(insert(champion_changes).values({one: getattr(made, one) for one in columns}))
    told = {"from": before, "reason": reason}
    append_audit(connection, subject=author, action="champion.changed", object=made.label, details=told)
    return made
