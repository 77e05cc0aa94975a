"""An intervention is made once for a cause, by one server, guarded, and every step of it is noted, on both databases."""

from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread

import pytest
from watched import NOW

from tandem.errors import ConflictError, NotFoundError
from tandem.monitoring.alert import Alert
from tandem.store import Guards, Intervention, Store

ALERT = Alert(
    "a1", "worse", "mine@0123456789ab", "firing", "critical", "abstained_share", NOW, NOW, value=0.9
)
GUARDS = Guards(rollbacks=2, rollbacks_s=1_000, respect_s=500)
TARGET = {"change": 2, "champion": "mine@0123456789ab", "before": "rag"}


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def opened(
    store: Store,
    cause: str = "champion change 2",
    *,
    kind: str = "rollback",
    seconds: float = 0,
    ask: bool = False,
    subject: str = ALERT.subject,
) -> Intervention | None:
    alert = replace(ALERT, subject=subject)
    return store.open_intervention(kind, alert, cause, dict(TARGET), GUARDS, after(seconds), ask=ask)


def done(store: Store, seconds: float = 0) -> Intervention:
    due = store.claim_intervention(after(seconds))
    assert due is not None
    store.end_intervention(due.id, after(seconds), result={"change": 3})
    return store.intervention(due.id)


def test_it_is_due_claimed_by_one_and_done(store: Store) -> None:
    made = opened(store)
    assert made is not None and (made.state, made.figures["value"], made.target) == ("due", 0.9, TARGET)
    claimed: list[Intervention | None] = []
    acting = [Thread(target=lambda: claimed.append(store.claim_intervention(NOW))) for _ in range(6)]
    for one in acting:
        one.start()
    for one in acting:
        one.join()
    assert [one.id for one in claimed if one] == [made.id]
    store.end_intervention(made.id, after(1), result={"change": 3})
    assert store.intervention(made.id).result == {"change": 3}
    assert store.intervention_counts() == {("rollback", "done"): 1}
    assert [one.action for one in store.audit_entries()] == ["intervention.made", "intervention.decided"]


def test_many_servers_make_one_for_a_cause_and_none_again(store: Store) -> None:
    made: list[Intervention | None] = []
    opening = [Thread(target=lambda: made.append(opened(store))) for _ in range(8)]
    for one in opening:
        one.start()
    for one in opening:
        one.join()
    assert len([one for one in made if one]) == 1
    done(store)
    assert opened(store, seconds=9_999) is None
    assert opened(store, kind="retrain") is not None, "another kind is another intervention"


def test_what_a_server_has_begun_and_not_ended_another_takes_over(store: Store) -> None:
    opened(store)
    assert store.claim_intervention(NOW) is not None
    assert store.claim_intervention(after(60)) is None
    assert store.claim_intervention(after(61)) is not None


def test_a_proposed_one_waits_for_a_word(store: Store) -> None:
    made = opened(store, ask=True)
    assert made is not None and made.state == "proposed"
    assert store.claim_intervention(NOW) is None
    approved = store.decide_intervention(made.id, "key:1", after(5), approve=True)
    assert (approved.state, approved.decided_by, approved.decided_at) == ("due", "key:1", after(5))
    assert done(store).state == "done"
    with pytest.raises(ConflictError, match="is done"):
        store.decide_intervention(made.id, "key:1", after(5), approve=False)
    with pytest.raises(NotFoundError):
        store.decide_intervention("none", "key:1", after(5), approve=True)
    assert store.audit_entries()[1].subject == "key:1"


def test_what_somebody_rejected_or_undid_is_respected_for_a_while(store: Store) -> None:
    made = opened(store, ask=True)
    assert made is not None
    store.decide_intervention(made.id, "key:1", NOW, approve=False)
    again = opened(store, "champion change 4", seconds=499)
    assert again is not None and again.state == "withheld" and "key:1 rejected" in again.note
    assert store.claim_intervention(after(499)) is None
    other = opened(store, "champion change 5", seconds=499, subject="other@0123456789ab")
    assert other is not None and other.state == "due", "of another recipe nobody has said anything"
    later = opened(store, "champion change 6", seconds=501)
    assert later is not None and later.state == "due"


def test_an_undone_one_is_marked_and_only_what_was_made_can_be(store: Store) -> None:
    made = opened(store)
    assert made is not None
    with pytest.raises(ConflictError):
        store.mark_undone(made.id, "key:1", NOW)
    done(store)
    assert store.mark_undone(made.id, "key:1", after(9)).state == "undone"
    assert store.audit_entries()[0].action == "intervention.undone"
    again = opened(store, "champion change 4", seconds=10)
    assert again is not None and "key:1 undid" in again.note


def test_after_so_many_rollbacks_there_are_only_alarms(store: Store) -> None:
    for number in range(2):
        opened(store, f"champion change {number}", seconds=number, subject=f"r{number}")
        done(store, number)
    third = opened(store, "champion change 8", seconds=900, subject="r8")
    assert third is not None and (third.state, "enough" in third.note) == ("withheld", True)
    degrade = opened(store, "alert 9", kind="degrade", seconds=900)
    assert degrade is not None and degrade.state == "due", "the guard is of rollbacks alone"
    fourth = opened(store, "champion change 9", seconds=1_100, subject="r9")
    assert fourth is not None and fourth.state == "due"
    approved = store.decide_intervention(third.id, "key:1", after(901), approve=True)
    assert approved.state == "due", "somebody may want it all the same"


def test_a_failed_one_says_why_and_may_be_tried_again(store: Store) -> None:
    made = opened(store)
    assert made is not None
    store.claim_intervention(NOW)
    store.end_intervention(made.id, NOW, failure="The adapter cannot be loaded")
    assert (store.intervention(made.id).state, store.intervention(made.id).note) == (
        "failed",
        "The adapter cannot be loaded",
    )
    assert store.decide_intervention(made.id, "key:1", NOW, approve=True).state == "due"


def test_the_switch_to_passages_alone_is_for_all(store: Store) -> None:
    assert not store.forced_degraded()
    store.force_degraded(True, subject="tandem", reason="it fails", at=NOW)
    store.force_degraded(True, subject="tandem", reason="still", at=NOW)
    assert store.forced_degraded()
    store.force_degraded(False, subject="key:1", reason="mended", at=NOW)
    assert not store.forced_degraded()
    actions = [one.action for one in store.audit_entries()]
    assert actions == ["serving.restored", "serving.degraded", "serving.degraded"]


def test_a_request_to_retrain_is_open_once_until_it_is_met(store: Store) -> None:
    first = store.request_retraining("legal", subject="tandem", reason="drift", at=NOW)
    assert store.request_retraining("legal", subject="tandem", reason="more drift", at=NOW) == first
    whichever = store.request_retraining("", subject="tandem", reason="drift", at=after(1))
    assert [one.adapter for one in store.retraining_requests()] == ["legal", ""]
    assert store.end_retraining_requests(NOW, request_id=whichever.id, met=False) == 1
    assert store.end_retraining_requests(NOW, adapter="other", met=True) == 0
    assert store.end_retraining_requests(NOW, adapter="legal", met=True) == 1
    assert store.retraining_requests() == []
