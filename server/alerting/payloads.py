"""What an alert says to a webhook, and what to an Alertmanager."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from tandem.monitoring.alert import FIRING, Alert
from tandem.monitoring.measures import MEASURES
from tandem.settings import AlertSettings
from tandem.store import Intervention
from tandem.store.alerts import Payloads

_HOLDS = 4
"""An Alertmanager that has heard nothing for so many times `resend_s` takes the alert as over."""


def payloads_of(settings: AlertSettings) -> Payloads:
    """Makes what is sent of an alert: nothing without a channel."""

    def payloads(alert: Alert) -> Sequence[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        if settings.webhook:
            found.append(("webhook", {"kind": "alert", **alert_payload(alert, settings)}))
        if settings.alertmanager:
            found.append(("alertmanager", [for_alertmanager(alert, settings)]))
        return found

    return payloads


def alert_payload(alert: Alert, settings: AlertSettings) -> dict[str, Any]:
    """An alert as JSON, with a sentence for people."""
    return {
        "id": alert.id,
        "rule": alert.rule,
        "subject": alert.subject,
        "state": alert.state,
        "severity": alert.severity,
        "summary": summary(alert),
        "runbook": runbook(alert.rule, settings),
        "since": alert.since.isoformat(),
        "fired_at": _iso(alert.fired_at),
        "resolved_at": _iso(alert.resolved_at),
        "note": alert.note,
        "figures": alert.figures(),
    }


def intervention_payload(made: Intervention, settings: AlertSettings) -> dict[str, Any]:
    """An intervention as JSON."""
    return {
        "kind": "intervention",
        "id": made.id,
        "intervention": made.kind,
        "state": made.state,
        "subject": made.subject,
        "rule": made.rule,
        "cause": made.cause,
        "note": made.note,
        "result": made.result,
        "runbook": runbook(made.rule, settings),
        "figures": made.figures,
    }


def for_alertmanager(alert: Alert, settings: AlertSettings) -> dict[str, Any]:
    """One of `postableAlerts` of Alertmanager's API v2."""
    last = alert.resolved_at
    if last is None:
        last = alert.seen_at + timedelta(seconds=max(_HOLDS * settings.resend_s, 4 * settings.every_s))
    return {
        "labels": {
            "alertname": alert.rule,
            "service": "tandem",
            "severity": alert.severity,
            "metric": alert.metric,
            "subject": alert.subject,
        },
        "annotations": {"summary": summary(alert), "runbook_url": runbook(alert.rule, settings)},
        "startsAt": (alert.fired_at or alert.since).isoformat(),
        "endsAt": last.isoformat(),
        "generatorURL": runbook(alert.rule, settings),
    }


def summary(alert: Alert) -> str:
    """What is wrong, in one sentence with its figures."""
    measure = MEASURES[alert.metric]
    said = f"{measure.title[0].upper()}{measure.title[1:]} of {alert.subject}: {_shown(alert.value, measure.unit)}"
    if alert.low is not None and alert.high is not None:
        said += f" [{_shown(alert.low, measure.unit)}, {_shown(alert.high, measure.unit)}]"
    said += f" of {alert.answers}"
    if alert.before is not None:
        return f"{said}; before {_shown(alert.before, measure.unit)} of {alert.before_answers}"
    return f"{said}; the limit is {_shown(alert.limit, measure.unit)}"


def runbook(rule: str, settings: AlertSettings) -> str:
    """Where the runbook says what to do."""
    return f"{settings.runbook}#{rule}"


def is_telling(alert: Alert) -> bool:
    """Whether it is worth a line of the log now."""
    return alert.state == FIRING and alert.fired_at == alert.seen_at


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:.0%}" if unit == "share" else f"{value:.3g}" if unit == "score" else f"{value:.0f} {unit}"


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
