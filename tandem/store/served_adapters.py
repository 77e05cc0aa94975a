"""Which adapters are to be loaded at the engine, whatever becomes of the servers and of vLLM."""

from datetime import UTC, datetime

from sqlalchemy import and_, delete, func, insert, select

from tandem.errors import NotFoundError
from tandem.store.adapter_schema import adapter_tag_moves, adapter_versions, served_adapters
from tandem.store.transactions import Transactions, lock

CHAMPION = "champion"
"""The tag of the version that the recipes `tuned` and `hybrid` take."""


class ServedAdapters(Transactions):
    """Adapters that somebody wants served, by `NAME@NUMBER`."""

    def serve_adapter(self, name: str, number: int, *, author: str) -> None:
        """Want a version served; one that is wanted already stays so. Raises `NotFoundError`."""
        registered = adapter_versions.c
        known = and_(registered.name == name, registered.number == number, registered.removed_at.is_(None))
        mine = served_adapters.c
        with self._writing() as connection:
            # As for every change of the name's versions: one that is just removed must not be wanted after.
            lock(connection, f"adapter {name}")
            if connection.execute(select(registered.number).where(known)).scalar() is None:
                raise NotFoundError(f"There is no adapter {name}@{number}", param="adapter")
            same = select(mine.number).where(mine.name == name, mine.number == number)
            if connection.execute(same).scalar() is None:
                row = {"name": name, "number": number, "author": author, "since": datetime.now(UTC)}
                connection.execute(insert(served_adapters).values(row))

    def release_adapter(self, name: str, number: int) -> bool:
        """Want it no longer; whether it was wanted."""
        mine = served_adapters.c
        with self._writing() as connection:
            gone = delete(served_adapters).where(mine.name == name, mine.number == number)
            return connection.execute(gone).rowcount > 0

    def served_adapters(self) -> list[str]:
        """The wanted ones that are registered still, as `NAME@NUMBER`, in the order in which they were wanted."""
        mine, registered = served_adapters.c, adapter_versions.c
        same = and_(mine.name == registered.name, mine.number == registered.number)
        query = select(mine.name, mine.number).join(adapter_versions, same)
        query = query.where(registered.removed_at.is_(None)).order_by(mine.since, mine.name, mine.number)
        with self._reading() as connection:
            return [f"{row.name}@{row.number}" for row in connection.execute(query)]

    def champion_adapter(self) -> str | None:
        """The version tagged `champion`, as `NAME@NUMBER`; of several names, the one that was tagged last."""
        table = adapter_tag_moves.c
        last = (
            select(table.name, func.max(table.move).label("move"))
            .where(table.tag == CHAMPION)
            .group_by(table.name)
            .subquery()
        )
        same = and_(table.name == last.c.name, table.move == last.c.move, table.tag == CHAMPION)
        query = (
            select(table.name, table.number)
            .join(last, same)
            .where(table.number.is_not(None))
            .order_by(table.moved_at.desc(), table.name)
            .limit(1)
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else f"{row.name}@{row.number}"
