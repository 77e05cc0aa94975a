"""Vectors of questions: kept beside the observations, without words, bounded by age and by number."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, func, insert, select

from tandem.store.drift_records import QuestionVector
from tandem.store.drift_schema import question_vectors
from tandem.store.observation_schema import observations
from tandem.store.transactions import Transactions

_AT_ONCE = 500
"""Ids in one query: SQLite takes only so many."""


class QuestionVectors(Transactions):
    """What the questions were about, in numbers."""

    def add_question_vectors(self, vectors: Sequence[QuestionVector]) -> None:
        """Keep the vectors of answers that have been observed; one that was erased in the meantime leaves none."""
        ids = [one.trace_id for one in vectors]
        table = observations.c
        # Locked, so that an erasure waits until the vectors are there to be removed, or has come before them.
        held = (
            select(table.trace_id)
            .where(table.trace_id.in_(ids))
            .order_by(table.trace_id)
            .with_for_update(read=True)
        )
        with self._writing() as connection:
            known = set(connection.execute(held).scalars())
            rows = [asdict(one) for one in vectors if one.trace_id in known]
            if rows:
                connection.execute(insert(question_vectors), rows)

    def question_vectors(self, trace_ids: Sequence[str]) -> dict[str, QuestionVector]:
        """Those that there are, by trace id."""
        found: dict[str, QuestionVector] = {}
        with self._reading() as connection:
            for some in _parts(trace_ids):
                query = select(question_vectors).where(question_vectors.c.trace_id.in_(some))
                rows = [QuestionVector(**row._mapping) for row in connection.execute(query)]
                found |= {row.trace_id: row for row in rows}
        return found

    def trim_question_vectors(self, before: datetime, most: int) -> int:
        """Remove those of earlier than `before`, and of each tenant all but the newest `most`; how many."""
        table = question_vectors.c
        with self._writing() as connection:
            gone = connection.execute(delete(question_vectors).where(table.at < before)).rowcount
            counts = select(table.tenant).group_by(table.tenant).having(func.count() > most)
            for tenant in connection.execute(counts).scalars().all():
                mine = table.tenant == tenant
                newest = select(table.at).where(mine).order_by(table.at.desc()).offset(most).limit(1)
                last = connection.execute(newest).scalar_one()
                gone += connection.execute(delete(question_vectors).where(mine, table.at <= last)).rowcount
        return gone


def _parts(trace_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(trace_ids), _AT_ONCE):
        yield trace_ids[begin : begin + _AT_ONCE]
