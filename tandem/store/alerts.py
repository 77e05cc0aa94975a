"""Alerts: their rules, their states over all servers, who wants to hear nothing of them, and what is to be sent."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, func, insert, select, update

from tandem.errors import NotFoundError
from tandem.monitoring.alert import FIRING, RESOLVED, Alert
from tandem.monitoring.reading import Reading
from tandem.monitoring.rule import AlertRule
from tandem.monitoring.states import advance, resolved
from tandem.store.alert_records import Delivery, Silence, StoredRule
from tandem.store.alert_schema import (
    alert_deliveries,
    alert_rules,
    alert_silences,
    alerts,
    quality_judgings,
)
from tandem.store.audit import append_audit
from tandem.store.transactions import Transactions, lock
from tandem.vocabulary import DEFAULT_TENANT

_LOCK = "alerts"
_LEASE_S = 60.0
"""So long a delivery is its server's own; then another may think that it has died."""
_BY = "tandem"

Payloads = Callable[[Alert], Sequence[tuple[str, Any]]]
"""What is to be sent of an alert: channels with their payloads."""


class Alerts(Transactions):
    """Alerts of this installation. What several servers find at the same time, they find once."""

    def note_reading(
        self, rule: AlertRule, reading: Reading, at: datetime, payloads: Payloads, resend_s: float
    ) -> Alert | None:
        """Let the rule's alert go on by what was read, and put what is to be told of it among the deliveries.

        Gives the alert if it is pending or firing, or was resolved just now.
        """
        with self._writing() as connection:
            lock(connection, _LOCK)
            now = _open(connection, rule.name, reading.subject)
            cooled = _cooled(connection, rule, reading.subject)
            after = advance(now, reading, rule, at, uuid4().hex, cooled)
            return _go_on(connection, now, after, at, payloads, resend_s)

    def resolve_others(
        self, rule: str, subjects: Sequence[str], at: datetime, payloads: Payloads, note: str
    ) -> None:
        """Resolve the rule's alerts of subjects that are not looked at any more."""
        with self._writing() as connection:
            lock(connection, _LOCK)
            for now in _of(connection, alerts.c.rule == rule, alerts.c.state != RESOLVED):
                if now.subject not in subjects:
                    after = resolved(now, at, note) if now.state == FIRING else None
                    _go_on(connection, now, after, at, payloads, 0)

    def open_alerts(self) -> list[Alert]:
        """Those that are pending or firing."""
        with self._reading() as connection:
            return _of(connection, alerts.c.state != RESOLVED)

    def alert_history(self, *, rule: str | None = None, limit: int = 200) -> list[Alert]:
        """All of them, the newest first."""
        where = [alerts.c.rule == rule] if rule is not None else []
        with self._reading() as connection:
            return _of(connection, *where, limit=limit)

    def forget_alerts(self, before: datetime) -> int:
        """Remove those that were resolved before a moment, with silences, notices and judgings of that time; how many
        alerts there were. Interventions stay.
        """
        old = (alerts.c.state == RESOLVED) & (alerts.c.resolved_at < before)
        with self._writing() as connection:
            lock(connection, _LOCK)
            connection.execute(delete(alert_silences).where(alert_silences.c.until < before))
            connection.execute(delete(alert_deliveries).where(alert_deliveries.c.made_at < before))
            connection.execute(delete(quality_judgings).where(quality_judgings.c.claimed_at < before))
            return connection.execute(delete(alerts).where(old)).rowcount

    def stored_rules(self) -> list[StoredRule]:
        """Rules that somebody wrote into the store, by name."""
        with self._reading() as connection:
            rows = connection.execute(select(alert_rules).order_by(alert_rules.c.name))
            return [StoredRule(**row._mapping) for row in rows]

    def save_rule(self, rule: AlertRule, subject: str, at: datetime) -> None:
        """Write a rule, in the place of the one of its name; `subject` is who does it."""
        row: dict[str, Any] = {
            "name": rule.name,
            "definition": rule.model_dump(mode="json"),
            "author": subject,
            "changed_at": at,
        }
        with self._writing() as connection:
            lock(connection, _LOCK)
            connection.execute(delete(alert_rules).where(alert_rules.c.name == rule.name))
            connection.execute(insert(alert_rules).values(row))
            _note(connection, subject, "alert_rule.saved", rule.name, row["definition"])

    def remove_rule(self, name: str, subject: str) -> None:
        """Take a rule away; a built-in one, or one of the file, holds again. Raises `NotFoundError`."""
        with self._writing() as connection:
            lock(connection, _LOCK)
            if not connection.execute(delete(alert_rules).where(alert_rules.c.name == name)).rowcount:
                raise NotFoundError(
                    f"The store has no rule {name!r}",
                    param="rule",
                    hint="A built-in rule, or one of the file, is switched off by saving it with enabled false.",
                )
            _note(connection, subject, "alert_rule.removed", name, {})

    def silence(self, rule: str, until: datetime, subject: str, reason: str, at: datetime) -> Silence:
        """Tell nobody of a rule, or of all (`*`), and do nothing about it, until a moment."""
        made = Silence(uuid4().hex, rule, until, subject, reason, at)
        with self._writing() as connection:
            lock(connection, _LOCK)
            connection.execute(insert(alert_silences).values(asdict(made)))
            _note(connection, subject, "alert.silenced", rule, {"until": until.isoformat(), "reason": reason})
        return made

    def end_silence(self, silence_id: str, subject: str) -> None:
        """End a silence before its time. Raises `NotFoundError`."""
        with self._writing() as connection:
            lock(connection, _LOCK)
            query = select(alert_silences.c.rule).where(alert_silences.c.id == silence_id)
            rule = connection.execute(query).scalar_one_or_none()
            if rule is None:
                raise NotFoundError(f"There is no silence {silence_id!r}", param="silence")
            connection.execute(delete(alert_silences).where(alert_silences.c.id == silence_id))
            _note(connection, subject, "alert.silence_ended", rule, {})

    def silences(self, at: datetime) -> list[Silence]:
        """Those that hold at a moment."""
        query = select(alert_silences).where(alert_silences.c.until > at).order_by(alert_silences.c.until)
        with self._reading() as connection:
            return [Silence(**row._mapping) for row in connection.execute(query)]

    def deliver_later(self, channel: str, payload: Any, at: datetime) -> None:
        """Put something among what is to be sent."""
        with self._writing() as connection:
            _deliver(connection, channel, payload, at)

    def claim_deliveries(self, at: datetime, limit: int = 8) -> list[Delivery]:
        """What is due, the oldest first. It belongs to this process for a minute; then, if it has neither ended nor
        put it off, to whoever asks.
        """
        due = (
            select(alert_deliveries)
            .where(alert_deliveries.c.next_at <= at)
            .order_by(alert_deliveries.c.made_at, alert_deliveries.c.id)
            .limit(limit)
        )
        with self._reading() as connection:  # mostly there is none, which needs no writer's lock
            if connection.execute(due.limit(1)).first() is None:
                return []
        with self._writing() as connection:
            lock(connection, f"{_LOCK} deliveries")
            rows = connection.execute(due).all()
            if rows:
                mine = alert_deliveries.c.id.in_([row.id for row in rows])
                taken = {"next_at": at + timedelta(seconds=_LEASE_S), "tries": alert_deliveries.c.tries + 1}
                connection.execute(update(alert_deliveries).where(mine).values(taken))
            return [Delivery(row.id, row.channel, row.payload, row.tries, row.error) for row in rows]

    def end_delivery(self, delivery_id: str) -> None:
        """It was sent."""
        with self._writing() as connection:
            connection.execute(delete(alert_deliveries).where(alert_deliveries.c.id == delivery_id))

    def put_off_delivery(self, delivery_id: str, until: datetime | None, error: str) -> None:
        """It was not sent; it is tried again at `until`, or never."""
        mine = update(alert_deliveries).where(alert_deliveries.c.id == delivery_id)
        with self._writing() as connection:
            connection.execute(mine.values(next_at=until, error=error))

    def undelivered(self) -> list[Delivery]:
        """What was given up, the newest first."""
        query = select(alert_deliveries).where(alert_deliveries.c.next_at.is_(None))
        with self._reading() as connection:
            rows = connection.execute(query.order_by(alert_deliveries.c.made_at.desc()).limit(100))
            return [Delivery(row.id, row.channel, row.payload, row.tries, row.error) for row in rows]


def _of(connection: Connection, *where: Any, limit: int = 1_000) -> list[Alert]:
    newest = (alerts.c.since.desc(), alerts.c.id)
    rows = connection.execute(select(alerts).where(*where).order_by(*newest).limit(limit))
    return [Alert(**row._mapping) for row in rows]


def _open(connection: Connection, rule: str, subject: str) -> Alert | None:
    mine = (alerts.c.rule == rule, alerts.c.subject == subject, alerts.c.state != RESOLVED)
    return next(iter(_of(connection, *mine)), None)


def _cooled(connection: Connection, rule: AlertRule, subject: str) -> datetime | None:
    """Until when the rule does not fire again."""
    query = select(alerts.c.fired_at).where(
        alerts.c.rule == rule.name, alerts.c.subject == subject, alerts.c.fired_at.is_not(None)
    )
    last = connection.execute(query.order_by(alerts.c.fired_at.desc()).limit(1)).scalar_one_or_none()
    return None if last is None else last + timedelta(seconds=rule.cool_down_s)


def _go_on(
    connection: Connection,
    now: Alert | None,
    after: Alert | None,
    at: datetime,
    payloads: Payloads,
    resend_s: float,
) -> Alert | None:
    if after is None:
        if now is not None:
            connection.execute(delete(alerts).where(alerts.c.id == now.id))
        return None
    silent = _is_silent(connection, after.rule, at)
    was_firing = now is not None and now.state == FIRING
    due = (after.state == FIRING and not after.told) or (after.state == RESOLVED and after.told)
    again = after.resent_at is None or at - after.resent_at >= timedelta(seconds=resend_s)
    resend = after.state == FIRING and after.told and again
    if not silent and (due or resend):
        for channel, payload in payloads(after):
            if due or channel == "alertmanager":  # which forgets what it does not hear of again
                _deliver(connection, channel, payload, at)
        after = replace(after, told=True, resent_at=at)
    row = {field.name: getattr(after, field.name) for field in fields(Alert)}
    if now is None:
        connection.execute(insert(alerts).values(row))
    else:
        connection.execute(update(alerts).where(alerts.c.id == now.id).values(row))
    if after.state == FIRING and not was_firing:
        _note(connection, _BY, "alert.fired", after.rule, {"of": after.subject, **after.figures()})
    elif after.state == RESOLVED:
        _note(connection, _BY, "alert.resolved", after.rule, {"of": after.subject, "alert": after.id})
    return after


def _is_silent(connection: Connection, rule: str, at: datetime) -> bool:
    query = select(func.count()).where(alert_silences.c.rule.in_((rule, "*")), alert_silences.c.until > at)
    return connection.execute(query).scalar_one() > 0


def _deliver(connection: Connection, channel: str, payload: Any, at: datetime) -> None:
    row = {
        "id": uuid4().hex,
        "channel": channel,
        "payload": payload,
        "made_at": at,
        "tries": 0,
        "next_at": at,
        "error": "",
    }
    connection.execute(insert(alert_deliveries).values(row))


def _note(connection: Connection, subject: str, action: str, what: str, details: dict[str, Any]) -> None:
    """Alerts serve every tenant."""
    append_audit(
        connection, tenant=DEFAULT_TENANT, subject=subject, action=action, object=what, details=details
    )
