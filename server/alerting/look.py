"""One look at all rules, by one of all servers: alerts go on, and what is to be done about them is put down."""

from datetime import UTC, datetime, timedelta

import structlog

from server.alerting.champion import Reign, reign_of
from server.alerting.payloads import intervention_payload, is_telling, summary
from server.alerting.subjects import Windows, readings_of
from server.alerting.watch import Watch
from tandem.alerting.ruleset import rules_in_force
from tandem.monitoring.alert import FIRING, RESOLVED, Alert
from tandem.monitoring.rule import AlertRule
from tandem.store import Guards, Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

LOOK = "alerts"
_FORGET = timedelta(days=1)


async def look(watch: Watch, at: datetime | None = None) -> bool:
    """Look, if it is this server's turn; whether it was. Raises what the store raises: the next look makes it good."""
    at = at or datetime.now(UTC)
    return await in_thread(_look, watch, at)


def _look(watch: Watch, at: datetime) -> bool:
    store = watch.services.store
    if not store.take_turn(LOOK, timedelta(seconds=watch.settings.every_s), at):
        return False
    reign = reign_of(store, watch.services.recipes.initial)
    silent = {one.rule for one in store.silences(at)}
    known = rules_in_force(watch.fixed, store)
    windows = Windows(store, watch.past)
    for one in known:
        rule = one.rule
        readings = readings_of(rule, windows, reign, at) if rule.enabled else []
        note = "it is not looked at any more" if rule.enabled else "the rule is switched off"
        store.resolve_others(rule.name, [each.subject for each in readings], at, watch.payloads, note)
        for reading in readings:
            alert = store.note_reading(rule, reading, at, watch.payloads, watch.settings.resend_s)
            if alert is None:
                continue
            _tell(alert)
            if alert.state == FIRING and not silent & {rule.name, "*"}:
                _intervene(watch, rule, alert, reign, at)
    gone = {one.rule for one in store.open_alerts()} - {one.rule.name for one in known}
    for name in gone:
        store.resolve_others(name, [], at, watch.payloads, "the rule is gone")
    if store.take_turn("forgetting alerts", _FORGET, at):
        store.forget_alerts(at - timedelta(days=watch.settings.keep_days))
    return True


def _tell(alert: Alert) -> None:
    if is_telling(alert):
        log.warning("alert_firing", rule=alert.rule, severity=alert.severity, says=summary(alert))
    elif alert.state == RESOLVED:
        log.info("alert_resolved", rule=alert.rule, subject=alert.subject, note=alert.note)


def _intervene(watch: Watch, rule: AlertRule, alert: Alert, reign: Reign, at: datetime) -> None:
    """Put down what is to be done, once for a cause."""
    settings, store = watch.settings, watch.services.store
    if rule.intervention is None or not settings.intervene:
        return
    if not (alert.proven or settings.quality_unproven_acts):
        return
    aimed = _aim(rule, alert, reign, store)
    if aimed is None:
        return
    cause, target = aimed
    ask = rule.ask_first if rule.ask_first is not None else rule.intervention in settings.ask_first
    guards = Guards(settings.rollbacks, settings.rollbacks_s, settings.respect_s)
    made = store.open_intervention(rule.intervention, alert, cause, target, guards, at, ask=ask)
    if made is not None:
        log.warning(
            "intervention", id=made.id, kind=made.kind, state=made.state, rule=made.rule, why=made.note
        )
        if settings.webhook and made.state != "due":  # what is due is told when it is done
            store.deliver_later("webhook", intervention_payload(made, settings), at)


def _aim(
    rule: AlertRule, alert: Alert, reign: Reign, store: Store
) -> tuple[str, dict[str, str | int]] | None:
    """The cause, and what is acted on; `None` where there is nothing to do."""
    if rule.intervention == "rollback":
        if reign.before is None or alert.subject != reign.label:
            return None
        target: dict[str, str | int] = {
            "change": reign.change,
            "champion": reign.label,
            "before": reign.before,
        }
        return f"champion change {reign.change}", target
    if rule.intervention == "stop_experiment":
        return f"experiment {alert.subject}", {"experiment": alert.subject}
    if rule.intervention == "degrade":
        return None if store.forced_degraded() else (f"alert {alert.id}", {})
    return f"alert {alert.id}", {}
