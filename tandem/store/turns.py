"""Whose turn a chore is that one server does for all."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from tandem.store.transactions import Transactions, lock
from tandem.store.turn_schema import turns


class Turns(Transactions):
    """Hands a chore to one server at a time."""

    def take_turn(self, name: str, every: timedelta, at: datetime | None = None) -> bool:
        """Whether the chore is the caller's to do now: nobody has begun it within `every`, and now nobody will.

        `at` is now where it is left out. A chore that must not be done twice at once ends its turn itself, by
        `end_turn`; then `every` is how long it is waited for a server that has died over it.
        """
        at = at or datetime.now(UTC)
        if _is_taken(self.last_turn(name), every, at):
            return False  # without a writer's lock: this is asked often
        with self._writing() as connection:
            lock(connection, f"turn {name}")
            if _is_taken(_last(connection, name), every, at):
                return False
            end_turn(connection, name)
            connection.execute(insert(turns).values(name=name, taken_at=at))
            return True

    def last_turn(self, name: str) -> datetime | None:
        """When anybody took it last."""
        with self._reading() as connection:
            return _last(connection, name)


def end_turn(connection: Connection, name: str) -> None:
    """Let anybody take the next one at once, in a transaction that is under way."""
    connection.execute(delete(turns).where(turns.c.name == name))


def _last(connection: Connection, name: str) -> datetime | None:
    return connection.execute(select(turns.c.taken_at).where(turns.c.name == name)).scalar_one_or_none()


def _is_taken(last: datetime | None, every: timedelta, at: datetime) -> bool:
    """Whether the turn is somebody's. One of the future is of a clock that was wrong, and stops nobody."""
    return last is not None and timedelta(0) <= at - last < every
