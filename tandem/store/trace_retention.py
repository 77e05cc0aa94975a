"""The end of traces: by age, and of those that sampling leaves out. In batches, so that answers need not wait."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select, update

from tandem.store.feedback import without_words
from tandem.store.feedback_schema import feedback
from tandem.store.schema import traces
from tandem.store.transactions import Transactions


class TraceRetention(Transactions):
    """Removes traces and votes of earlier than a moment, so many at a time; each method says how many there were."""

    def forget_traces(self, before: datetime, limit: int) -> int:
        """Remove traces of earlier than `before`, and the words of feedback on them; the votes stay."""
        return self._forget(traces.c.created_at < before, limit)

    def drop_unsampled(self, before: datetime, limit: int, *, voted: bool, voted_down: bool) -> int:
        """As `forget_traces`, of those that sampling leaves out; but what is `voted` on, or down, can stay."""
        left_out = (traces.c.created_at < before) & traces.c.sampled.is_(False)
        mine = (feedback.c.trace_id == traces.c.id) & (feedback.c.tenant == traces.c.tenant)
        if voted:
            left_out &= ~exists().where(mine)
        elif voted_down:
            left_out &= ~exists().where(mine, feedback.c.verdict == "down")
        return self._forget(left_out, limit)

    def forget_feedback(self, before: datetime, limit: int) -> int:
        """Remove votes that were cast earlier than `before`."""
        old = select(feedback.c.id).where(feedback.c.at < before).order_by(feedback.c.at).limit(limit)
        with self._writing() as connection:
            ids = connection.execute(old).scalars().all()
            return connection.execute(delete(feedback).where(feedback.c.id.in_(ids))).rowcount

    def _forget(self, which: ColumnElement[bool], limit: int) -> int:
        oldest = select(traces.c.id).where(which).order_by(traces.c.created_at).limit(limit)
        with self._writing() as connection:
            ids = connection.execute(oldest.with_for_update(skip_locked=True)).scalars().all()
            if ids:
                said = feedback.c.trace_id.in_(ids)
                connection.execute(update(feedback).where(said).values(without_words()))
                connection.execute(delete(traces).where(traces.c.id.in_(ids)))
            return len(ids)
