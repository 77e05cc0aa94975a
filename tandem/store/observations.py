"""Observations: added with each answer, counted by time."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from tandem.store.observation_records import Observation
from tandem.store.observation_schema import observations
from tandem.store.transactions import Transactions


def add_observation_to(connection: Connection, observation: Observation) -> None:
    """Keep one, in a transaction that is just under way."""
    connection.execute(insert(observations), asdict(observation))


class Observations(Transactions):
    """The figures of every answer. They hold no words, so they outlive their traces."""

    def add_observation(self, observation: Observation) -> None:
        """Keep the figures of one answer."""
        with self._writing() as connection:
            add_observation_to(connection, observation)

    def observations(
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        tenant: str | None = None,
        recipe: str | None = None,
        experiment: str | None = None,
        limit: int = 100_000,
    ) -> list[Observation]:
        """Those from `since` on and before `until`, newest first; `recipe` is `NAME@VERSION`."""
        query = select(observations).where(observations.c.at >= since)
        if until is not None:
            query = query.where(observations.c.at < until)
        for column, wanted in (("tenant", tenant), ("recipe", recipe), ("experiment", experiment)):
            if wanted is not None:
                query = query.where(observations.c[column] == wanted)
        query = query.order_by(observations.c.at.desc(), observations.c.trace_id).limit(limit)
        with self._reading() as connection:
            return [Observation(**row._mapping) for row in connection.execute(query)]

    def judge_observation(self, trace_id: str, quality: float) -> None:
        """Note a judge's score, in [0, 1]; nothing happens where the observation has gone."""
        with self._writing() as connection:
            mine = update(observations).where(observations.c.trace_id == trace_id)
            connection.execute(mine.values(quality=quality))

    def forget_observations(self, before: datetime, limit: int | None = None) -> int:
        """Remove those of earlier than `before`, at most `limit` of them; how many there were."""
        old = select(observations.c.trace_id).where(observations.c.at < before)
        oldest = old.order_by(observations.c.at).limit(limit)
        with self._writing() as connection:
            gone = delete(observations).where(observations.c.trace_id.in_(oldest))
            return connection.execute(gone).rowcount
