"""Whose turn a chore is that one server does for all."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, select, update

from tandem.store.feedback_schema import turns
from tandem.store.transactions import Transactions, lock


class Turns(Transactions):
    """Hands a chore to one server at a time."""

    def take_turn(self, name: str, every: timedelta) -> bool:
        """Whether the chore is the caller's to do now: nobody has begun it within `every`, and now nobody will."""
        now = datetime.now(UTC)
        with self._writing() as connection:
            lock(connection, f"turn {name}")
            taken = connection.execute(
                select(turns.c.taken_at).where(turns.c.name == name)
            ).scalar_one_or_none()
            if taken is None:
                connection.execute(insert(turns).values(name=name, taken_at=now))
                return True
            # One of the future is of a clock that was wrong.
            if now - every < taken <= now:
                return False
            connection.execute(update(turns).where(turns.c.name == name).values(taken_at=now))
            return True
