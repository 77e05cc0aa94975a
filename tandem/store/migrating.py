"""Brings a database to the schema of this code."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from tandem.errors import ConflictError
from tandem.store.transactions import WRITES, lock

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0011"
"""Revision that this code is written for. Named here so that a start with nothing to do need not
import Alembic, which takes longer than all the rest of opening."""

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Apply what is missing, all of it or nothing. Raises `ConflictError` for a newer database."""
    with engine.connect() as connection:
        if _revision(connection) == NEWEST:
            return
    with engine.connect() as connection:
        connection.execution_options(**{WRITES: True})
        with connection.begin():
            lock(connection, "migrations")
            # Asked again under the lock: another process may have migrated in between.
            if _revision(connection) != NEWEST:
                _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    refuse_unknown(connection, _revision(connection))
    set_revision(connection, "head")


def refuse_unknown(connection: Connection, revision: str | None) -> None:
    """Raises `ConflictError` for a revision that this code has no migration of."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_config(connection))
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise ConflictError(
            f"The store was written by a newer Tandem (schema {revision}, this one knows {NEWEST})",
            hint="Use that version of Tandem, or another data folder.",
        )


def set_revision(connection: Connection, revision: str) -> None:
    """Bring the schema to a revision, `base` (nothing) or `head`, in the transaction of `connection`."""
    from alembic import command

    config = _config(connection)
    if revision == "base" and _revision(connection) is None:
        return
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
