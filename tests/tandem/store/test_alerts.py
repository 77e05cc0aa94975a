"""Alerts are one over all servers, fire once, are told once, and are kept, on both databases."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from watched import NOW

from tandem.errors import NotFoundError
from tandem.monitoring import AlertRule, Reading
from tandem.monitoring.alert import Alert
from tandem.store import Store

RULE = AlertRule(name="fails", metric="failed_share", above=0.1, cool_down_s=600, severity="critical")
BAD = Reading("all", True, 0.5, 0.3, 0.7, 40, 0.1)
GOOD = replace(BAD, crossed=False, value=0.0)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def payloads(alert: Alert) -> Sequence[tuple[str, Any]]:
    return [("webhook", {"state": alert.state}), ("alertmanager", [{"state": alert.state}])]


def note(store: Store, reading: Reading, seconds: float, rule: AlertRule = RULE) -> Alert | None:
    return store.note_reading(rule, reading, after(seconds), payloads, resend_s=60)


def sent(store: Store, seconds: float) -> list[tuple[str, str]]:
    found = store.claim_deliveries(after(seconds), limit=100)
    for one in found:
        store.end_delivery(one.id)
    states = (one.payload if isinstance(one.payload, dict) else one.payload[0] for one in found)
    return sorted((one.channel, state["state"]) for one, state in zip(found, states, strict=True))


def test_an_alert_fires_is_told_once_and_is_resolved(store: Store) -> None:
    assert note(store, GOOD, 0) is None
    fired = note(store, BAD, 1)
    assert fired is not None and (fired.state, fired.value) == ("firing", 0.5)
    assert store.open_alerts() == [fired]
    assert sent(store, 1) == [("alertmanager", "firing"), ("webhook", "firing")]
    note(store, BAD, 11)
    assert sent(store, 11) == []
    over = note(store, GOOD, 20)
    assert over is not None and over.state == "resolved"
    assert sent(store, 20) == [("alertmanager", "resolved"), ("webhook", "resolved")]
    assert store.open_alerts() == []
    assert store.alert_history() == [over]
    assert [one.action for one in store.audit_entries()] == ["alert.resolved", "alert.fired"]


def test_alertmanager_hears_again_of_what_still_fires(store: Store) -> None:
    note(store, BAD, 0)
    sent(store, 0)
    note(store, BAD, 61)
    assert sent(store, 61) == [("alertmanager", "firing")]


def test_one_that_comes_back_in_its_cool_down_does_not_fire_again(store: Store) -> None:
    note(store, BAD, 0)
    note(store, GOOD, 10)
    assert note(store, BAD, 599) is None
    again = note(store, BAD, 600)
    assert again is not None and again.state == "firing"
    assert len(store.alert_history()) == 2


def test_pending_ones_leave_no_history_and_are_not_told(store: Store) -> None:
    patient = RULE.model_copy(update={"for_s": 60.0})
    pending = note(store, BAD, 0, patient)
    assert pending is not None and pending.state == "pending"
    assert note(store, GOOD, 10, patient) is None
    assert store.alert_history() == []
    assert sent(store, 10) == []


def test_many_servers_that_find_the_same_fire_one_alert(store: Store) -> None:
    looking = [Thread(target=note, args=(store, BAD, number)) for number in range(8)]
    for one in looking:
        one.start()
    for one in looking:
        one.join()
    assert len(store.open_alerts()) == 1
    assert len([one for one in store.audit_entries() if one.action == "alert.fired"]) == 1
    assert sent(store, 20) == [("alertmanager", "firing"), ("webhook", "firing")]


def test_a_silence_tells_nobody_and_what_still_fires_is_told_when_it_ends(store: Store) -> None:
    made = store.silence("fails", after(100), "key:1", "we know", NOW)
    note(store, BAD, 1)
    assert sent(store, 1) == []
    assert [one.state for one in store.open_alerts()] == ["firing"], "it is seen all the same"
    assert store.silences(NOW) == [made]
    store.end_silence(made.id, "key:1")
    note(store, BAD, 30)
    assert sent(store, 30) == [("alertmanager", "firing"), ("webhook", "firing")]
    with pytest.raises(NotFoundError):
        store.end_silence(made.id, "key:1")


def test_a_silence_of_all_rules_ends_by_its_time(store: Store) -> None:
    store.silence("*", after(10), "key:1", "", NOW)
    note(store, BAD, 1)
    assert sent(store, 1) == []
    assert store.silences(after(10)) == []
    note(store, BAD, 11)
    assert len(sent(store, 11)) == 2


def test_alerts_of_subjects_that_are_gone_are_resolved(store: Store) -> None:
    note(store, BAD, 0)
    note(store, replace(BAD, subject="rag"), 0)
    store.resolve_others("fails", ["all"], after(10), payloads, "not the champion any more")
    assert [one.subject for one in store.open_alerts()] == ["all"]
    (gone,) = [one for one in store.alert_history() if one.state == "resolved"]
    assert (gone.subject, gone.note) == ("rag", "not the champion any more")


def test_a_delivery_is_one_servers_for_a_minute_and_then_anybodys(store: Store) -> None:
    store.deliver_later("webhook", {"a": 1}, NOW)
    (first,) = store.claim_deliveries(NOW)
    assert (first.payload, first.tries) == ({"a": 1}, 0)
    assert store.claim_deliveries(after(59)) == []
    (again,) = store.claim_deliveries(after(61))
    assert (again.id, again.tries) == (first.id, 1)
    store.put_off_delivery(again.id, after(500), "busy")
    assert store.claim_deliveries(after(499)) == []
    store.put_off_delivery(again.id, None, "refused")
    assert store.claim_deliveries(after(9_999)) == []
    assert [(one.id, one.error) for one in store.undelivered()] == [(first.id, "refused")]


def test_rules_are_kept_replaced_and_removed_with_their_authors(store: Store) -> None:
    store.save_rule(RULE, "key:1", NOW)
    store.save_rule(RULE.model_copy(update={"above": 0.2}), "key:2", NOW)
    (kept,) = store.stored_rules()
    assert (AlertRule.model_validate(kept.definition).above, kept.author) == (0.2, "key:2")
    store.remove_rule("fails", "key:3")
    assert store.stored_rules() == []
    with pytest.raises(NotFoundError):
        store.remove_rule("fails", "key:3")
    noted = [(one.action, one.subject) for one in store.audit_entries()]
    assert noted == [
        ("alert_rule.removed", "key:3"),
        ("alert_rule.saved", "key:2"),
        ("alert_rule.saved", "key:1"),
    ]


def test_old_alerts_are_forgotten(store: Store) -> None:
    note(store, BAD, 0)
    note(store, GOOD, 10)
    assert store.forget_alerts(after(10)) == 0
    assert store.forget_alerts(after(11)) == 1
    assert store.alert_history() == []
