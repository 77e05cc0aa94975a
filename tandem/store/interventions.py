"""Interventions: made once for a cause, decided by people where they are asked, and undone."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, update

from tandem.errors import ConflictError, NotFoundError
from tandem.monitoring.alert import Alert
from tandem.store.alert_records import Guards, Intervention, RetrainingRequest
from tandem.store.alert_schema import interventions, retraining_requests, serving_flags
from tandem.store.audit import append_audit
from tandem.store.transactions import Transactions, lock
from tandem.vocabulary import DEFAULT_TENANT

_LOCK = "interventions"
_BY = "tandem"
_LEASE_S = 60.0
"""So long whoever acts has for it; then another may think that it has died."""
_DEGRADED = "degraded"


class Interventions(Transactions):
    """What is done about alerts, and the switches that it turns."""

    def open_intervention(
        self,
        kind: str,
        alert: Alert,
        cause: str,
        target: dict[str, Any],
        guards: Guards,
        at: datetime,
        *,
        ask: bool,
    ) -> Intervention | None:
        """Make one, `proposed` or `due`; `withheld` where a guard forbids it. `None` if the cause has one already."""
        with self._writing() as connection:
            lock(connection, _LOCK)
            mine = (interventions.c.kind == kind) & (interventions.c.cause == cause)
            if connection.execute(select(interventions.c.id).where(mine)).first() is not None:
                return None
            why = _forbidden(connection, kind, alert.subject, guards, at)
            made = Intervention(
                id=uuid4().hex[:12],
                kind=kind,
                cause=cause,
                subject=alert.subject,
                state="withheld" if why else "proposed" if ask else "due",
                alert=alert.id,
                rule=alert.rule,
                figures=alert.figures(),
                target=target,
                made_at=at,
                note=why,
            )
            connection.execute(insert(interventions).values(asdict(made)))
            action = {"withheld": "withheld", "proposed": "proposed", "due": "decided"}[made.state]
            _note(connection, _BY, f"intervention.{action}", made, {"why": why} if why else {})
            return made

    def claim_intervention(self, at: datetime) -> Intervention | None:
        """One that is due, the oldest; it is this process's to act on, within a minute."""
        columns = interventions.c
        lost = (columns.state == "acting") & (columns.claimed_at < at - timedelta(seconds=_LEASE_S))
        due = (
            select(interventions).where((columns.state == "due") | lost).order_by(columns.made_at, columns.id)
        )
        with self._reading() as connection:  # mostly there is none, which needs no writer's lock
            if connection.execute(due.limit(1)).first() is None:
                return None
        with self._writing() as connection:
            lock(connection, _LOCK)
            row = connection.execute(due.limit(1)).one_or_none()
            if row is None:
                return None
            mine = update(interventions).where(columns.id == row.id)
            connection.execute(mine.values(state="acting", claimed_at=at))
            return _of(row)

    def end_intervention(
        self, intervention_id: str, at: datetime, *, result: dict[str, Any] | None = None, failure: str = ""
    ) -> None:
        """It was made, with what came of it, or it failed."""
        state = "failed" if failure else "done"
        with self._writing() as connection:
            lock(connection, _LOCK)
            made = _required(connection, intervention_id)
            mine = update(interventions).where(interventions.c.id == intervention_id)
            connection.execute(mine.values(state=state, done_at=at, result=result or {}, note=failure))
            details = {"why": failure} if failure else {"result": result or {}}
            _note(connection, _BY, f"intervention.{'failed' if failure else 'made'}", made, details)

    def decide_intervention(
        self, intervention_id: str, subject: str, at: datetime, *, approve: bool
    ) -> Intervention:
        """Approve or reject one that is proposed; one that was withheld may be approved, too.

        Raises `NotFoundError`, `ConflictError` where there is nothing to decide.
        """
        with self._writing() as connection:
            lock(connection, _LOCK)
            made = _required(connection, intervention_id)
            if made.state not in (("proposed", "withheld", "failed") if approve else ("proposed",)):
                raise ConflictError(f"The intervention {made.id} is {made.state}", param="intervention")
            state = "due" if approve else "rejected"
            _decide(connection, made.id, state, subject, at)
            _note(connection, subject, f"intervention.{'approved' if approve else 'rejected'}", made, {})
            return _required(connection, made.id)

    def mark_undone(self, intervention_id: str, subject: str, at: datetime) -> Intervention:
        """Note that somebody has undone it. Raises `NotFoundError`, `ConflictError` for one that was not made."""
        with self._writing() as connection:
            lock(connection, _LOCK)
            made = _required(connection, intervention_id)
            if made.state != "done":
                raise ConflictError(f"The intervention {made.id} is {made.state}", param="intervention")
            _decide(connection, made.id, "undone", subject, at)
            _note(connection, subject, "intervention.undone", made, {})
            return _required(connection, made.id)

    def intervention(self, intervention_id: str) -> Intervention:
        """One of them. Raises `NotFoundError`."""
        with self._reading() as connection:
            return _required(connection, intervention_id)

    def interventions(self, *, limit: int = 200) -> list[Intervention]:
        """All, the newest first."""
        newest = select(interventions).order_by(interventions.c.made_at.desc(), interventions.c.id)
        with self._reading() as connection:
            return [_of(row) for row in connection.execute(newest.limit(limit))]

    def intervention_counts(self) -> dict[tuple[str, str], int]:
        """How many there are of each kind and state."""
        kind, state = interventions.c.kind, interventions.c.state
        with self._reading() as connection:
            rows = connection.execute(select(kind, state, func.count()).group_by(kind, state))
            return {(row[0], row[1]): row[2] for row in rows}

    def forced_degraded(self) -> bool:
        """Whether every answer is to be of passages alone."""
        query = select(serving_flags.c.on).where(serving_flags.c.name == _DEGRADED)
        with self._reading() as connection:
            return bool(connection.execute(query).scalar_one_or_none())

    def force_degraded(self, on: bool, *, subject: str, reason: str, at: datetime) -> None:
        """Let every answer be of passages alone, or the model answer again. Servers follow within a second."""
        row = {"name": _DEGRADED, "on": on, "reason": reason, "author": subject, "changed_at": at}
        with self._writing() as connection:
            lock(connection, _LOCK)
            mine = update(serving_flags).where(serving_flags.c.name == _DEGRADED)
            if not connection.execute(mine.values(row)).rowcount:
                connection.execute(insert(serving_flags).values(row))
            append_audit(
                connection,
                tenant=DEFAULT_TENANT,
                subject=subject,
                action="serving.degraded" if on else "serving.restored",
                object="answers",
                details={"reason": reason},
            )

    def request_retraining(
        self, adapter: str, *, subject: str, reason: str, at: datetime
    ) -> RetrainingRequest:
        """Ask for an adapter to be trained anew; the open request for it, if there is one."""
        open_ones = select(retraining_requests).where(
            retraining_requests.c.state == "open", retraining_requests.c.adapter == adapter
        )
        with self._writing() as connection:
            lock(connection, _LOCK)
            row = connection.execute(open_ones.limit(1)).one_or_none()
            if row is not None:
                return RetrainingRequest(**row._mapping)
            made = RetrainingRequest(uuid4().hex[:12], adapter, reason, subject, at, "open")
            connection.execute(insert(retraining_requests).values(asdict(made)))
            append_audit(
                connection,
                tenant=DEFAULT_TENANT,
                subject=subject,
                action="retraining.requested",
                object=adapter or "any adapter",
                details={"reason": reason},
            )
            return made

    def end_retraining_requests(
        self, at: datetime, *, adapter: str | None = None, request_id: str | None = None, met: bool
    ) -> int:
        """The open requests that mean an adapter, or the one with an id, were met or withdrawn; how many."""
        columns = retraining_requests.c
        which = columns.id == request_id if request_id is not None else columns.adapter.in_((adapter, ""))
        mine = update(retraining_requests).where(columns.state == "open", which)
        with self._writing() as connection:
            ended = {"state": "met" if met else "withdrawn", "ended_at": at}
            return connection.execute(mine.values(ended)).rowcount

    def retraining_requests(self) -> list[RetrainingRequest]:
        """The open ones, oldest first."""
        query = select(retraining_requests).where(retraining_requests.c.state == "open")
        with self._reading() as connection:
            rows = connection.execute(query.order_by(retraining_requests.c.made_at))
            return [RetrainingRequest(**row._mapping) for row in rows]


def _forbidden(connection: Connection, kind: str, subject: str, guards: Guards, at: datetime) -> str:
    """Why nothing may be done now; empty where it may."""
    columns = interventions.c
    same = select(columns.decided_by, columns.state).where(
        columns.kind == kind,
        columns.subject == subject,
        columns.state.in_(("undone", "rejected")),
        columns.decided_at > at - timedelta(seconds=guards.respect_s),
    )
    row = connection.execute(same.limit(1)).one_or_none()
    if row is not None:
        how = "undid" if row.state == "undone" else "rejected"
        return f"{row.decided_by} {how} the same for {subject}; alerts.respect_s keeps to that"
    if kind == "rollback":
        made = select(func.count()).where(
            columns.kind == "rollback",
            columns.state.in_(("due", "acting", "done", "undone")),
            columns.made_at > at - timedelta(seconds=guards.rollbacks_s),
        )
        if connection.execute(made).scalar_one() >= guards.rollbacks:
            return f"{guards.rollbacks} rollbacks in {guards.rollbacks_s:g} s are enough (alerts.rollbacks)"
    return ""


def _of(row: Any) -> Intervention:
    return Intervention(**row._mapping)


def _required(connection: Connection, intervention_id: str) -> Intervention:
    query = select(interventions).where(interventions.c.id == intervention_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(f"There is no intervention {intervention_id!r}", param="intervention")
    return _of(row)


def _decide(connection: Connection, intervention_id: str, state: str, subject: str, at: datetime) -> None:
    mine = update(interventions).where(interventions.c.id == intervention_id)
    connection.execute(mine.values(state=state, decided_by=subject, decided_at=at))


def _note(
    connection: Connection, subject: str, action: str, made: Intervention, details: dict[str, Any]
) -> None:
    """Who, what, and why: the alert with its figures."""
    told = {"kind": made.kind, "cause": made.cause, "of": made.subject, **made.figures, **details}
    append_audit(
        connection, tenant=DEFAULT_TENANT, subject=subject, action=action, object=made.id, details=told
    )
