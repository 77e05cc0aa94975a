"""How an alert goes on after a look: pending, firing, resolved."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tandem.monitoring.alert import FIRING, PENDING, RESOLVED, Alert, read_fields
from tandem.monitoring.reading import Reading
from tandem.monitoring.rule import AlertRule


def advance(
    alert: Alert | None, reading: Reading, rule: AlertRule, at: datetime, new_id: str, cooled: datetime | None
) -> Alert | None:
    """The alert after a look. `alert` is the one that is pending or firing, if any; `cooled` is until when the last
    one keeps another from beginning. `None` where there is none: nothing begins, or what was pending is over.

    A firing one of which nothing can be told any more stays for one window, and is resolved then.
    """
    read: dict[str, Any] = read_fields(reading)
    if alert is None:
        if not reading.crossed or (cooled is not None and at < cooled):
            return None
        alert = Alert(
            id=new_id,
            rule=rule.name,
            subject=reading.subject,
            state=PENDING,
            severity=rule.severity,
            metric=rule.metric,
            since=at,
            seen_at=at,
        )
    if reading.crossed:
        alert = replace(alert, seen_at=at, severity=rule.severity, **read)
        if alert.state == PENDING and at - alert.since >= timedelta(seconds=rule.for_s):
            alert = replace(alert, state=FIRING, fired_at=at)
        return alert
    if alert.state == PENDING:
        return None
    if reading.crossed is None:
        if at - alert.seen_at < timedelta(seconds=rule.window_s):
            return alert
        return resolved(alert, at, "too few answers to tell")
    return resolved(replace(alert, **read), at, "")


def resolved(alert: Alert, at: datetime, note: str) -> Alert:
    """The alert when it is over."""
    return replace(alert, state=RESOLVED, resolved_at=at, note=note)
