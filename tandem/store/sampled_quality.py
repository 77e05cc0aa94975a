"""Which answers' quality was sampled, once each, and what was spent on it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from tandem.store.alert_schema import quality_judgings, quality_spending
from tandem.store.observation_schema import observations
from tandem.store.records import Trace
from tandem.store.schema import traces
from tandem.store.transactions import Transactions, lock

_LOCK = "sampled quality"
_LEASE_S = 600.0
"""So long a watcher has for one answer; a judge may be slow."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a day's quality has cost so far."""

    calls: int = 0
    tokens: int = 0


class SampledQuality(Transactions):
    """Claims and scores of `tandem eval watch`; any number of watchers."""

    def unjudged(self, since: datetime, until: datetime, share: float, limit: int) -> list[Trace]:
        """Traces of answers from `since` on, before `until`, that are among the sampled `share` and that nobody judges
        or has judged; the newest first.

        An id is drawn at random, so those below a bound are a random share, the same for every watcher.
        """
        bound = f"{min(int(share * 16**8), 16**8 - 1):08x}"
        answers, claims = observations.c, quality_judgings.c
        query = (
            select(traces)
            .join(observations, answers.trace_id == traces.c.id)
            .outerjoin(quality_judgings, claims.trace_id == answers.trace_id)
            .where(
                answers.at >= since,
                answers.at < until,
                answers.outcome == "answered",
                answers.shadow.is_(False),
                answers.quality.is_(None),
                *([answers.trace_id < bound] if share < 1 else []),
                claims.trace_id.is_(None)
                | (claims.ended_at.is_(None) & (claims.claimed_at < until - _lease())),
            )
            .order_by(answers.at.desc(), answers.trace_id)
            .limit(limit)
        )
        with self._reading() as connection:
            return [Trace(**row._mapping) for row in connection.execute(query)]

    def claim_judging(self, trace_id: str, measure: str, at: datetime) -> bool:
        """Whether this process is the one to judge it. Another may after ten minutes without an end."""
        mine = quality_judgings.c.trace_id == trace_id
        with self._writing() as connection:
            lock(connection, _LOCK)
            row = connection.execute(select(quality_judgings).where(mine)).one_or_none()
            if row is not None and (row.ended_at is not None or row.claimed_at > at - _lease()):
                return False
            connection.execute(delete(quality_judgings).where(mine))
            claimed = {
                "trace_id": trace_id,
                "claimed_at": at,
                "measure": measure,
                "proven": False,
                "failure": "",
            }
            connection.execute(insert(quality_judgings).values(claimed))
            return True

    def end_judging(
        self, trace_id: str, at: datetime, *, quality: float | None, proven: bool, failure: str = ""
    ) -> None:
        """Note a score in [0, 1], or why there is none."""
        mine = update(quality_judgings).where(quality_judgings.c.trace_id == trace_id)
        ended = {"ended_at": at, "quality": quality, "proven": proven, "failure": failure}
        with self._writing() as connection:
            connection.execute(mine.values(ended))
            if quality is not None:
                answer = update(observations).where(observations.c.trace_id == trace_id)
                connection.execute(answer.values(quality=quality))

    def release_judging(self, trace_id: str) -> None:
        """Leave it to another time."""
        with self._writing() as connection:
            connection.execute(delete(quality_judgings).where(quality_judgings.c.trace_id == trace_id))

    def spend_on_quality(
        self,
        day: str,
        calls: int,
        tokens: int,
        *,
        most_calls: int | None = None,
        most_tokens: int | None = None,
    ) -> Spent | None:
        """Add what is spent on a day (UTC, `YYYY-MM-DD`), or less where it was less than was reserved; the day's sum.

        `None`, and nothing is added, where that would be more calls than `most_calls`, or `most_tokens` are spent.
        """
        mine = quality_spending.c.day == day
        with self._writing() as connection:
            lock(connection, _LOCK)
            row = connection.execute(select(quality_spending).where(mine)).one_or_none()
            spent = Spent(calls + (row.calls if row else 0), tokens + (row.tokens if row else 0))
            if most_calls is not None and spent.calls > most_calls:
                return None
            if most_tokens is not None and spent.tokens >= most_tokens:
                return None
            connection.execute(delete(quality_spending).where(mine))
            values = {"day": day, "calls": spent.calls, "tokens": spent.tokens}
            connection.execute(insert(quality_spending).values(values))
            return spent

    def spent_on_quality(self, day: str) -> Spent:
        """The day's sum."""
        query = select(quality_spending).where(quality_spending.c.day == day)
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return Spent(row.calls, row.tokens) if row else Spent()


def _lease() -> timedelta:
    return timedelta(seconds=_LEASE_S)
