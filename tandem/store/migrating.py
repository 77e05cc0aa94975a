"""Brings a database to the schema of this code."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from tandem.errors import ConflictError
from tandem.store.transactions import WRITES, lock

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0020"
"""Revision that this code is written for. Named here so that a start with nothing to do need not
import Alembic, which takes longer than all the rest of opening."""

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Apply what is missing, all of it or nothing. Raises `ConflictError` for a newer database."""
    with engine.connect() as connection:
        if current_revision(connection) == NEWEST:
            return
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            lock(connection, "migrations")
            # Asked again under the lock: another process may have migrated in between.
            if current_revision(connection) != NEWEST:
                _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    refuse_unknown(connection, current_revision(connection))
    set_revision(connection, "head")


def refuse_unknown(connection: Connection, revision: str | None) -> None:
    """Raises `ConflictError` for a revision that this code has no migration of."""
    if revision is not None and revision not in dict(known_revisions(connection)):
        raise ConflictError(
            f"The store was written by a newer Tandem (schema {revision}, this one knows {NEWEST})",
            hint="Use that version of Tandem, or another data folder.",
        )


def known_revisions(connection: Connection) -> list[tuple[str, str]]:
    """Each revision and what it brings, oldest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config(connection)).walk_revisions()
    return [(script.revision, (script.doc or "").splitlines()[0]) for script in scripts][::-1]


def set_revision(connection: Connection, revision: str, *, back: bool = False) -> None:
    """Bring the schema to a revision, `base` (nothing) or `head`, in the transaction of `connection`."""
    from alembic import command

    if revision == "base" and current_revision(connection) is None:
        return
    step = command.downgrade if back or revision == "base" else command.upgrade
    step(_config(connection), revision)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def current_revision(connection: Connection) -> str | None:
    """That of the database; `None` for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
