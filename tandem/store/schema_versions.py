"""The schema's versions: which one a database has, and the way to another, forwards and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from tandem.errors import InvalidRequestError
from tandem.settings import StoreSettings
from tandem.store.dumping import refuse_while_used
from tandem.store.faults import faults_explained
from tandem.store.migrating import current_revision, known_revisions, refuse_unknown, set_revision
from tandem.store.open import database
from tandem.store.transactions import WRITES, lock


@dataclass(frozen=True, slots=True)
class SchemaVersion:
    """One version of the schema, and what it brought."""

    revision: str
    said: str
    current: bool


def schema_versions(settings: StoreSettings, data_dir: Path) -> list[SchemaVersion]:
    """All that this code knows, oldest first. Raises as `open_store`; nothing is changed."""
    with _connected(settings, data_dir) as connection:
        now = current_revision(connection)
        refuse_unknown(connection, now)
        return [
            SchemaVersion(revision, said, revision == now) for revision, said in known_revisions(connection)
        ]


def change_schema(settings: StoreSettings, data_dir: Path, revision: str) -> None:
    """Bring the database to a version of the schema, all of the way or not at all.

    Backwards, what only a newer version holds is lost. Raises `ConflictError` while a server or a worker runs on it
    and for a database of a newer Tandem, `InvalidRequestError` for a version that there is not.
    """
    with _connected(settings, data_dir) as connection:
        known = [one for one, _ in known_revisions(connection)]
        if revision not in known:
            raise InvalidRequestError(
                f"There is no version {revision!r} of the schema",
                param="to",
                hint=f"Known: {', '.join(known)}.",
            )
        lock(connection, "migrations")
        now = current_revision(connection)
        refuse_unknown(connection, now)
        refuse_while_used(connection)
        set_revision(connection, revision, back=now is not None and known.index(now) > known.index(revision))


@contextmanager
def _connected(settings: StoreSettings, data_dir: Path) -> Iterator[Connection]:
    engine = database(settings.url, data_dir)
    try:
        with faults_explained(opening=True), engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection
    finally:
        engine.dispose()
