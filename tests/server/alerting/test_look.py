"""What a look finds in the store, and what it puts down to be done; the store is real."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from watched import NOW, keep, seen, several

from server.alerting.look import _look
from server.alerting.payloads import payloads_of
from server.alerting.watch import Watch
from server.services import Services
from tandem.alerting.ruleset import KnownRule
from tandem.monitoring import AlertRule
from tandem.settings import AlertSettings, Settings
from tandem.store import Store, Vote, open_store

BAD = "mine@0123456789ab"
WORSE = {
    "name": "worse",
    "metric": "abstained_share",
    "scope": "champion",
    "worse_by": 0.15,
    "window_s": 3_600,
}
BACK = {**WORSE, "intervention": "rollback"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(Settings(data_dir=tmp_path).store, tmp_path)
    yield store
    store.close()


def watching(store: Store, folder: Path, *rules: dict[str, Any], **changes: Any) -> Watch:
    """A watch of these rules alone; of the services it needs the store, the settings and the first champion."""
    alerts = AlertSettings.model_validate({"every_s": 10, **changes})
    settings = Settings(data_dir=folder, alerts=alerts)
    services = SimpleNamespace(store=store, settings=settings, recipes=SimpleNamespace(initial="rag"))
    fixed = tuple(KnownRule(AlertRule.model_validate(rule), "file") for rule in rules)
    return Watch(cast(Services, services), fixed, payloads_of(alerts))


@pytest.fixture
def promoted(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """When `mine` took the place of `rag`, which had answered well."""
    store.set_champion("mine", "0123456789ab", author="ann", reason="New", initial="rag")
    (change, _) = store.champion_history()
    keep(store, several(50, at=change.changed_at - timedelta(hours=1)))
    yield change.changed_at


def bad_answers(store: Store, since: datetime, n: int = 40) -> datetime:
    keep(store, several(n, recipe=BAD, outcome="abstained", cited=None, at=since + timedelta(seconds=1)))
    return since + timedelta(seconds=20)


def test_a_champion_that_is_worse_than_the_one_before_is_to_be_rolled_back_once(
    store: Store, tmp_path: Path, promoted: datetime
) -> None:
    watch = watching(store, tmp_path, BACK)
    at = bad_answers(store, promoted)
    for number in range(4):
        _look(watch, at + timedelta(seconds=10 * number))
    (alert,) = store.open_alerts()
    assert (alert.subject, alert.state, alert.value, alert.before) == (BAD, "firing", 1.0, 0.0)
    (made,) = store.interventions()
    assert (made.kind, made.state, made.cause) == ("rollback", "due", "champion change 2")
    assert made.target == {"change": 2, "champion": BAD, "before": "rag"}


def test_several_rules_with_one_cause_make_one_intervention(
    store: Store, tmp_path: Path, promoted: datetime
) -> None:
    again = {**BACK, "name": "worse-too"}
    _look(watching(store, tmp_path, BACK, again), bad_answers(store, promoted))
    assert len(store.open_alerts()) == 2
    assert len(store.interventions()) == 1


def test_a_look_is_taken_once_by_all_servers(store: Store, tmp_path: Path, promoted: datetime) -> None:
    at = bad_answers(store, promoted)
    servers = [watching(store, tmp_path, BACK) for _ in range(3)]
    assert [_look(server, at) for server in servers] == [True, False, False]
    assert _look(servers[2], at + timedelta(seconds=10)), "any of them takes the next"


def test_what_asks_first_is_proposed(store: Store, tmp_path: Path, promoted: datetime) -> None:
    at = bad_answers(store, promoted)
    _look(watching(store, tmp_path, BACK, ask_first=["rollback"]), at)
    assert [one.state for one in store.interventions()] == ["proposed"]


def test_a_rule_may_say_for_itself_whether_it_asks(store: Store, tmp_path: Path, promoted: datetime) -> None:
    at = bad_answers(store, promoted)
    _look(watching(store, tmp_path, {**BACK, "ask_first": False}, ask_first=["rollback"]), at)
    assert [one.state for one in store.interventions()] == ["due"]


@pytest.mark.parametrize("rule", [WORSE, BACK])
def test_nothing_is_done_by_a_rule_without_intervention_nor_where_none_is_wanted(
    store: Store, tmp_path: Path, promoted: datetime, rule: dict[str, Any]
) -> None:
    _look(watching(store, tmp_path, rule, intervene=rule is WORSE), bad_answers(store, promoted))
    assert len(store.open_alerts()) == 1
    assert store.interventions() == []


def test_a_silence_holds_back_the_intervention_until_it_ends(
    store: Store, tmp_path: Path, promoted: datetime
) -> None:
    watch, at = watching(store, tmp_path, BACK), bad_answers(store, promoted)
    store.silence("worse", at + timedelta(seconds=15), "ann", "trying something", at)
    _look(watch, at)
    assert store.interventions() == []
    _look(watch, at + timedelta(seconds=20))
    assert [one.state for one in store.interventions()] == ["due"]


def test_after_a_rollback_the_alert_is_over_and_nothing_is_rolled_back_further(
    store: Store, tmp_path: Path, promoted: datetime
) -> None:
    watch, at = watching(store, tmp_path, BACK), bad_answers(store, promoted)
    _look(watch, at)
    store.rollback_champion(author="tandem", reason="", expected=BAD)
    back = store.champion_history(limit=1)[0].changed_at
    keep(store, several(40, outcome="abstained", at=back + timedelta(seconds=1)))
    _look(watch, back + timedelta(seconds=30))
    assert store.open_alerts() == []
    (past,) = store.alert_history()
    assert (past.state, past.note) == ("resolved", "it is not looked at any more")
    assert len(store.interventions()) == 1


def test_a_promotion_is_blamed_for_a_day_only(store: Store, tmp_path: Path, promoted: datetime) -> None:
    later = promoted + timedelta(days=2)
    at = bad_answers(store, later)
    _look(watching(store, tmp_path, BACK), at)
    assert store.open_alerts() == []


def test_the_champion_of_the_settings_has_nobody_before_it(store: Store, tmp_path: Path) -> None:
    keep(store, several(60, outcome="abstained", at=NOW))
    absolute = {**WORSE, "name": "much", "worse_by": None, "above": 0.5}
    _look(watching(store, tmp_path, BACK, absolute), NOW + timedelta(seconds=5))
    assert [(one.rule, one.subject) for one in store.open_alerts()] == [("much", "rag")]


def test_the_challengers_of_an_experiment_are_held_against_the_champion_in_it(
    store: Store, tmp_path: Path
) -> None:
    keep(store, several(40, experiment="x", arm="champion", at=NOW))
    keep(store, several(40, experiment="x", arm="new", recipe=BAD, outcome="failed", at=NOW))
    rule = {
        "name": "fails",
        "metric": "failed_share",
        "scope": "experiments",
        "worse_by": 0.05,
        "intervention": "stop_experiment",
    }
    _look(watching(store, tmp_path, rule), NOW + timedelta(seconds=5))
    (made,) = store.interventions()
    assert (made.kind, made.cause, made.target) == ("stop_experiment", "experiment x", {"experiment": "x"})


def test_no_intervention_rests_on_scores_that_are_not_proven_unless_that_is_wanted(
    store: Store, tmp_path: Path, promoted: datetime
) -> None:
    good, bad = (
        [seen(recipe=recipe, at=at) for _ in range(40)]
        for recipe, at in (
            ("rag@aaaaaaaaaaaa", promoted - timedelta(hours=1)),
            (BAD, promoted + timedelta(seconds=1)),
        )
    )
    keep(store, *good, *bad)
    for answers, quality in ((good, 0.9), (bad, 0.1)):
        for one in answers:
            store.claim_judging(one.trace_id, "overlap", NOW)
            store.end_judging(one.trace_id, NOW, quality=quality, proven=False)
    rule = {**BACK, "metric": "quality_mean"}
    at = promoted + timedelta(seconds=20)
    _look(watching(store, tmp_path, rule), at)
    (alert,) = store.open_alerts()
    assert (alert.state, alert.proven) == ("firing", False)
    assert store.interventions() == []
    _look(watching(store, tmp_path, rule, quality_unproven_acts=True), at + timedelta(seconds=10))
    assert [one.state for one in store.interventions()] == ["due"]


def test_a_rule_that_is_switched_off_or_gone_leaves_no_open_alert(store: Store, tmp_path: Path) -> None:
    keep(store, several(60, outcome="abstained", at=NOW))
    much = {"name": "much", "metric": "abstained_share", "above": 0.5}
    at = NOW + timedelta(seconds=5)
    _look(watching(store, tmp_path, much), at)
    assert len(store.open_alerts()) == 1
    store.save_rule(AlertRule.model_validate({**much, "enabled": False}), "ann", at)
    _look(watching(store, tmp_path, much), at + timedelta(seconds=10))
    assert [one.note for one in store.alert_history()] == ["the rule is switched off"]
    store.save_rule(AlertRule.model_validate({**much, "name": "more"}), "ann", at)
    _look(watching(store, tmp_path), at + timedelta(seconds=20))
    store.remove_rule("more", "ann")
    _look(watching(store, tmp_path), at + timedelta(seconds=30))
    assert store.alert_history(rule="more")[0].note == "the rule is gone"
    assert store.open_alerts() == []


def test_votes_are_counted_where_a_rule_asks_for_them(store: Store, tmp_path: Path) -> None:
    for number in range(30):
        one = seen(trace_id=f"v{number}", at=NOW, tenant="acme")
        keep(store, one)
        store.vote(Vote(one.trace_id, "acme", f"user {number}", "down"))
    rule = {
        "name": "disliked",
        "metric": "disliked_share",
        "above": 0.4,
        "window_s": 10 * 86_400,
        "least": 20,
    }
    now = datetime.now(UTC) + timedelta(seconds=1)
    keep(store, seen(at=now - timedelta(seconds=2)))
    _look(watching(store, tmp_path, rule), now)
    (alert,) = store.open_alerts()
    assert (alert.value, alert.answers) == (1.0, 30)
