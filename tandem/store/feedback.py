"""Feedback: a vote a user on an answer, reviewed before anything is learnt from it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select, update

from tandem.errors import NotFoundError
from tandem.store.audit import append_audit
from tandem.store.feedback_records import Feedback, FeedbackState, Verdict, Vote, VotedAnswer
from tandem.store.feedback_schema import feedback
from tandem.store.observation_schema import observations
from tandem.store.schema import trace_documents, traces
from tandem.store.transactions import Transactions, lock
from tandem.vocabulary import Caller

_PAGE = 500


class Feedbacks(Transactions):
    """Takes votes, lists them, and notes what a reviewer makes of them."""

    def vote(self, vote: Vote) -> Feedback:
        """Keep a vote, in place of the one that this user may have cast on the same answer; it is `new` again.

        Words are kept only beside a trace that still holds its answer: what a document's deletion has taken
        out of the trace must not come back with a correction. Raises `NotFoundError` where the tenant has
        neither trace nor observation of this id.
        """
        now = datetime.now(UTC)
        with self._writing() as connection:
            lock(connection, f"feedback {vote.trace_id}")
            recipe, whole = _about(connection, vote)
            said = asdict(vote) | {"recipe": recipe, "tags": list(vote.tags), "at": now, "state": "new"}
            if not whole:
                said |= without_words()
            mine = (feedback.c.trace_id == vote.trace_id) & (feedback.c.voter == vote.voter)
            before = connection.execute(select(feedback.c.id).where(mine)).scalar_one_or_none()
            if before is None:
                connection.execute(insert(feedback).values(id=str(uuid4()), created_at=now, **said))
            else:
                fresh = said | {"reviewer": None, "reviewed_at": None}
                connection.execute(update(feedback).where(mine).values(fresh))
            return _feedback(connection.execute(select(feedback).where(mine)).one())

    def withdraw_vote(self, caller: Caller, trace_id: str, voter: str) -> Feedback | None:
        """Remove the vote of a voter on an answer, words and all; what it was, or `None` where there is none.

        That a vote is gone which somebody has reviewed stands in the audit log, as its review does.
        """
        with self._writing() as connection:
            lock(connection, f"feedback {trace_id}")
            mine = and_(
                feedback.c.tenant == caller.tenant, feedback.c.trace_id == trace_id, feedback.c.voter == voter
            )
            row = connection.execute(select(feedback).where(mine)).one_or_none()
            if row is None:
                return None
            connection.execute(delete(feedback).where(mine))
            if row.state != "new":
                append_audit(
                    connection,
                    tenant=caller.tenant,
                    subject=caller.subject,
                    action="feedback.withdrawn",
                    object=row.id,
                    details={"trace": trace_id, "verdict": row.verdict, "state": row.state},
                )
            return _feedback(row)

    def feedback(self, caller: Caller, feedback_id: str) -> Feedback:
        """One of the caller's tenant. Raises `NotFoundError`."""
        with self._reading() as connection:
            return _one(connection, caller, feedback_id)

    def feedbacks(
        self,
        caller: Caller,
        *,
        state: FeedbackState | None = None,
        verdict: Verdict | None = None,
        trace_ids: Sequence[str] | None = None,
        since: datetime | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Feedback]:
        """Those of the caller's tenant, the newest first; `before` is the moment and the id of the last one seen."""
        query = select(feedback).where(feedback.c.tenant == caller.tenant)
        for column, wanted in ((feedback.c.state, state), (feedback.c.verdict, verdict)):
            if wanted is not None:
                query = query.where(column == wanted)
        if trace_ids is not None:
            query = query.where(feedback.c.trace_id.in_(trace_ids))
        if since is not None:
            query = query.where(feedback.c.at >= since)
        if before is not None:
            query = query.where(_before(*before))
        query = query.order_by(feedback.c.at.desc(), feedback.c.id.desc()).limit(limit)
        with self._reading() as connection:
            return [_feedback(row) for row in connection.execute(query)]

    def review_feedback(self, caller: Caller, feedback_id: str, state: FeedbackState) -> Feedback:
        """Accept or reject one; both can be taken back. Raises `NotFoundError`."""
        with self._writing() as connection:
            before = _one(connection, caller, feedback_id)
            if before.state == state:
                return before
            reviewed = {"state": state, "reviewer": caller.subject, "reviewed_at": datetime.now(UTC)}
            connection.execute(update(feedback).where(feedback.c.id == before.id).values(reviewed))
            append_audit(
                connection,
                tenant=caller.tenant,
                subject=caller.subject,
                action=f"feedback.{state}",
                object=before.id,
                details={"trace": before.trace_id, "verdict": before.verdict},
            )
            return _one(connection, caller, feedback_id)

    def accepted_feedback(self, caller: Caller, *, since: datetime | None = None) -> list[VotedAnswer]:
        """What was accepted and says what an answer should be, voted up or corrected, the oldest first.

        What has lost its trace or its answer is not among them.
        """
        rows: list[VotedAnswer] = []
        last: tuple[datetime, str] | None = None
        query = (
            select(feedback, traces.c.question, traces.c.answer, traces.c.citations)
            .join(traces, (traces.c.id == feedback.c.trace_id) & (traces.c.tenant == feedback.c.tenant))
            .where(feedback.c.tenant == caller.tenant, feedback.c.state == "accepted", traces.c.answer != "")
            .where((feedback.c.verdict == "up") | (feedback.c.correction != ""))
            .order_by(feedback.c.at, feedback.c.id)
            .limit(_PAGE)
        )
        if since is not None:
            query = query.where(feedback.c.at >= since)
        with self._reading() as connection:
            while True:
                page = connection.execute(query if last is None else query.where(_after(*last))).all()
                drawn = _documents(connection, [row.trace_id for row in page])
                rows += [_voted(row, drawn) for row in page]
                if len(page) < _PAGE:
                    return rows
                last = (page[-1].at, page[-1].id)


def without_words() -> dict[str, Any]:
    """The values that leave of feedback its vote alone."""
    return {"tags": [], "comment": "", "correction": ""}


def _about(connection: Connection, vote: Vote) -> tuple[str, bool]:
    """The recipe that answered, and whether the trace still holds its answer."""
    # Locked, so that a deletion waits until these words are there to be removed, or has come before them.
    kept = select(traces.c.recipe, traces.c.answer).where(
        traces.c.id == vote.trace_id, traces.c.tenant == vote.tenant
    )
    row = connection.execute(kept.with_for_update(read=True)).one_or_none()
    if row is not None:
        return row.recipe, bool(row.answer)
    seen = select(observations.c.recipe).where(
        observations.c.trace_id == vote.trace_id, observations.c.tenant == vote.tenant
    )
    recipe = connection.execute(seen).scalar_one_or_none()
    if recipe is None:
        raise NotFoundError(f"There is no trace {vote.trace_id!r}", param="trace_id")
    return recipe, False


def _one(connection: Connection, caller: Caller, feedback_id: str) -> Feedback:
    query = select(feedback).where(feedback.c.id == feedback_id, feedback.c.tenant == caller.tenant)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no feedback {feedback_id!r}", param="feedback_id")
    return _feedback(row)


def _feedback(row: Row[Any]) -> Feedback:
    values = dict(row._mapping)
    return Feedback(**values | {"tags": tuple(values["tags"])})


def _voted(row: Row[Any], drawn: dict[str, list[str]]) -> VotedAnswer:
    cited = tuple(dict.fromkeys(one["document_id"] for one in row.citations if one.get("document_id")))
    return VotedAnswer(
        id=row.id,
        question=row.question,
        answer=row.correction or row.answer,
        documents=cited or tuple(drawn.get(row.trace_id, ())),
        verdict=row.verdict,
        corrected=bool(row.correction),
    )


def _documents(connection: Connection, trace_ids: Sequence[str]) -> dict[str, list[str]]:
    query = select(trace_documents).where(trace_documents.c.trace_id.in_(trace_ids))
    found: dict[str, list[str]] = {}
    for trace_id, document_id in connection.execute(query.order_by(trace_documents.c.document_id)):
        found.setdefault(trace_id, []).append(document_id)
    return found


def _before(at: datetime, last_id: str) -> ColumnElement[bool]:
    return or_(feedback.c.at < at, and_(feedback.c.at == at, feedback.c.id < last_id))


def _after(at: datetime, last_id: str) -> ColumnElement[bool]:
    return or_(feedback.c.at > at, and_(feedback.c.at == at, feedback.c.id > last_id))
