"""Brings a database to the schema of this code."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from tandem.errors import ConflictError
from tandem.store.transactions import WRITES, lock

NEWEST = "0016"
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
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    revision = _revision(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise ConflictError(
            f"The store was written by a newer Tandem (schema {revision}, this one knows {NEWEST})",
            hint="Use that version of Tandem, or another data folder.",
        )
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision
