"""Alerts and interventions on the command line, where no server runs: on the store itself."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from watched import seen

from tandem.cli.alerts import seconds_of
from tandem.cli.main import app
from tandem.errors import InvalidRequestError
from tandem.monitoring import AlertRule, Reading
from tandem.settings import StoreSettings
from tandem.store import Guards, Store, open_store

Run = Callable[..., Result]
RULE = AlertRule(name="answers-fail", metric="failed_share", above=0.1)
TARGET = {"change": 2, "champion": "mine@0123456789ab", "before": "rag"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(StoreSettings(), tmp_path)) as store:
        yield store


def fired(store: Store, subject: str = "all") -> Any:
    reading = Reading(subject, True, 0.5, 0.3, 0.7, 40, 0.1)
    return store.note_reading(RULE, reading, datetime.now(UTC), lambda alert: [], 60)


def proposed(store: Store, kind: str, cause: str = "alert 1") -> str:
    made = store.open_intervention(
        kind, fired(store, kind), cause, TARGET, Guards(2, 60, 60), datetime.now(UTC), ask=True
    )
    assert made is not None
    return made.id


def test_alerts_are_listed_with_what_is_wrong(run: Run, store: Store) -> None:
    assert "No alert" in run("alerts", "list").stdout
    fired(store)
    shown = run("alerts", "list")
    assert "firing" in shown.stdout and "Answers that failed of all: 50%" in shown.stdout
    (told,) = json.loads(run("alerts", "list", "--json").stdout)["alerts"]
    assert (told["rule"], told["figures"]["value"]) == ("answers-fail", 0.5)


def test_rules_are_saved_from_a_file_listed_and_removed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[rules]]\nname = "dear"\nmetric = "tokens_per_hour"\nabove = 1e6\nleast = 0\n')
    assert run("alerts", "save", str(file)).exit_code == 0
    rules = {one["rule"]["name"]: one for one in json.loads(run("alerts", "rules", "--json").stdout)["rules"]}
    assert (rules["dear"]["source"], rules["dear"]["rule"]["above"]) == ("store", 1e6)
    assert rules["champion-abstains-more"]["source"] == "builtin"
    assert "dear" in run("alerts", "rules").stdout
    assert run("alerts", "remove", "dear").exit_code == 0
    assert "dear" not in run("alerts", "rules").stdout


def test_a_rule_is_silenced_for_a_while_and_heard_again(run: Run, store: Store) -> None:
    assert run("alerts", "silence", "answers-fail", "--for", "2h", "--reason", "we know").exit_code == 0
    (held,) = store.silences(datetime.now(UTC))
    assert (held.rule, held.reason) == ("answers-fail", "we know")
    assert timedelta(hours=1.9) < held.until - datetime.now(UTC) <= timedelta(hours=2)
    assert "silent until" in run("alerts", "rules").stdout
    assert "1 silences" in run("alerts", "silence", "answers-fail", "--end").stdout
    assert store.silences(datetime.now(UTC)) == []
    assert run("alerts", "silence", "none").exit_code == 1


def test_an_intervention_is_approved_and_another_rejected(run: Run, store: Store) -> None:
    one, other = proposed(store, "degrade"), proposed(store, "retrain", "alert 2")
    assert "proposed" in run("interventions", "list").stdout
    assert "due" in run("interventions", "approve", one).stdout
    assert "rejected" in run("interventions", "reject", other).stdout
    states = {
        row["id"]: row["state"]
        for row in json.loads(run("interventions", "list", "--json").stdout)["interventions"]
    }
    assert states == {one: "due", other: "rejected"}
    assert run("interventions", "approve", "none").exit_code == 1


def test_a_rollback_is_undone_unless_the_champion_was_changed_since(run: Run, store: Store) -> None:
    store.set_champion("mine", "0123456789ab", author="ann", reason="", initial="rag")
    ids = []
    for number in range(2):
        made = proposed(store, "rollback", f"champion change {number}")
        store.decide_intervention(made, "ann", datetime.now(UTC), approve=True)
        store.claim_intervention(datetime.now(UTC))
        ids.append(made)
    back = store.rollback_champion(author="tandem", reason="", expected="mine@0123456789ab")
    for made in ids:
        store.end_intervention(made, datetime.now(UTC), result={"change": back.number, "champion": "rag"})
    assert "undone" in run("interventions", "undo", ids[0]).stdout
    now = store.champion_change()
    assert now is not None and now.label == "mine@0123456789ab"
    assert run("interventions", "undo", ids[1]).exit_code == 1
    assert store.champion_change() == now
    assert store.intervention(ids[1]).state == "done"


def test_a_stopped_experiment_is_not_undone(run: Run, store: Store) -> None:
    made = proposed(store, "stop_experiment", "experiment x")
    store.decide_intervention(made, "ann", datetime.now(UTC), approve=True)
    store.claim_intervention(datetime.now(UTC))
    store.end_intervention(made, datetime.now(UTC), result={"experiment": "x"})
    refused = run("interventions", "undo", made)
    assert refused.exit_code == 1 and store.intervention(made).state == "done"


def test_the_monitor_shows_one_page_of_the_store(run: Run, store: Store) -> None:
    store.add_observation(seen(at=datetime.now(UTC)))
    fired(store)
    proposed(store, "degrade")
    store.request_retraining("legal", subject="tandem", reason="drift", at=datetime.now(UTC))
    shown = run("monitor", "--once", "--window", "60")
    assert shown.exit_code == 0, shown.output
    for word in (
        "champion rag",
        "rag@aaaaaaaaaaaa",
        "answers-fail",
        "proposed degrade",
        "retrain  legal: drift",
    ):
        assert word in shown.stdout
    told = json.loads(run("monitor", "--json").stdout)
    assert told["monitoring"]["all"]["answers"] == 1


def test_a_span_of_time_is_read_or_refused() -> None:
    assert [seconds_of(span) for span in ("90s", "30m", "2h", "1d")] == [90, 1_800, 7_200, 86_400]
    for wrong in ("", "2", "h", "-1h", "1 week"):
        with pytest.raises(InvalidRequestError):
            seconds_of(wrong)


def test_quality_is_watched_once(run: Run, store: Store) -> None:
    done = run("eval", "watch", "--once", "--share", "1", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout[done.stdout.index("{") :]) == {
        "by": "overlap",
        "scored": 0,
        "failed": 0,
        "stopped": "",
    }
