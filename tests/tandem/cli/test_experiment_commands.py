"""`tandem experiments`, on a store of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from experiment_rows import saw, users, voted, worded
from fake_vllm import FakeVllm
from served_app import served

from tandem.cli import app
from tandem.cli.experiments import challenger_of, guardrail_of, share_of
from tandem.errors import ConflictError, InvalidRequestError, NotFoundError
from tandem.settings import StoreSettings
from tandem.store import Store, open_store

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; gives what it prints, raises what it refuses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("LOGNAME", "ada")

    def command(*arguments: object) -> str:
        capsys.readouterr()
        app([str(one) for one in arguments], standalone_mode=False)
        return capsys.readouterr().out

    command("recipes", "save", "mine", "--from", "rag", "--temperature", 0.5)
    return command


@pytest.fixture
def store(tmp_path: Path, run: Run) -> Store:
    store = open_store(StoreSettings(), tmp_path)
    yield store
    store.close()


def test_an_experiment_from_draft_to_promotion(run: Run, store: Store) -> None:
    drafted = run("experiments", "create", "trial", "--challenger", "mine=5%:50%", "--guard", "failed=2%")
    assert "draft  split, by user" in drafted
    assert "5.00%, to grow to 50.00%" in drafted
    assert "running" in run("experiments", "start", "trial")
    grown = json.loads(run("experiments", "share", "trial", "50%", "--json"))
    assert grown["challengers"][0]["share"] == 0.5
    trial = store.experiment("trial")
    voted(store, trial, "challenger", users(trial, "challenger", 30), "up")
    saw(store, trial, "champion", users(trial, "champion", 30))
    table = run("experiments", "show", "trial")
    for word in ("60 users", "still needed", "not yet", "guardrail", "holds", "open"):
        assert word in table
    shown = json.loads(run("experiments", "show", "trial", "--json"))
    assert shown["result"]["comparisons"][0]["effect"]["low"] is None
    stopped = run("experiments", "stop", "trial", "--reason", "enough")
    assert "stopped" in stopped
    assert "enough" in stopped
    assert "promoted" in run("experiments", "promote", "trial", "--arm", "challenger")
    assert run("recipes", "champion").startswith("champion  mine@")
    assert run("experiments", "list").startswith("trial")
    (listed,) = json.loads(run("experiments", "list", "--json"))
    assert (listed["state"], "result" in listed) == ("stopped", False)
    assert {one.subject for one in store.audit_entries() if one.object == "trial"} == {"ada"}


def test_pairs_of_shadow_mode_stand_side_by_side(run: Run, store: Store) -> None:
    run("experiments", "create", "dark", "--challenger", "mine=100%", "--shadow")
    run("experiments", "start", "dark")
    trial = store.experiment("dark")
    unit = users(trial, "challenger", 1)
    for trace_id, arm, text in (
        ("t1", "champion", "At seven."),
        ("t1-challenger", "challenger", "At [eight]."),
    ):
        shadow = arm == "challenger"
        saw(store, trial, arm, unit, "default", trace_id=trace_id, shadow=shadow, quality=0.5)
        store.add_trace(worded(trace_id, text, tenant="default"))
    printed = run("experiments", "show", "dark", "--pairs")
    for word in ("When?", "At seven.", "At [eight].", "agreement 0.50"):
        assert word in printed
    (pair,) = json.loads(run("experiments", "show", "dark", "--pairs", "--json"))
    assert (pair["shown"], pair["shadow"]) == ("At seven.", "At [eight].")
    assert "agreement" in run("experiments", "show", "dark")


def test_what_cannot_be_done_is_said(run: Run) -> None:
    for wrong, error in (
        (("create", "trial", "--challenger", "nosuch"), NotFoundError),
        (("create", "Trial", "--challenger", "mine"), InvalidRequestError),
        (("create", "trial", "--challenger", "mine=150%"), InvalidRequestError),
        (("create", "trial", "--challenger", "mine=20%:10%"), InvalidRequestError),
        (("create", "trial", "--challenger", "mine", "--guard", "speed=1"), InvalidRequestError),
        (("create", "trial", "--challenger", "mine", "--guard", "p95_latency_ms=soon"), InvalidRequestError),
        (("start", "trial"), NotFoundError),
        (("share", "trial", "many"), InvalidRequestError),
    ):
        with pytest.raises(error):
            run("experiments", *wrong)
    run("experiments", "create", "trial", "--challenger", "mine")
    with pytest.raises(ConflictError):
        run("experiments", "stop", "trial")
    assert "kept no longer" not in run("experiments", "show", "trial", "--pairs")


def test_shares_and_limits_are_read_as_people_write_them() -> None:
    assert (share_of("5%"), share_of("0.05"), share_of("1")) == (0.05, 0.05, 1.0)
    asked = challenger_of("mine@3=5%:0.5")
    assert (asked.recipe, asked.share, asked.final) == ("mine@3", 0.05, 0.5)
    assert challenger_of("mine").share == 0.5
    assert guardrail_of("p95_latency_ms=8000").limit == 8000
    assert guardrail_of("failed=2%").limit == pytest.approx(0.02)


def test_a_running_server_does_what_a_command_asks(run: Run, tmp_path: Path) -> None:
    with FakeVllm.serving() as fake, served(fake, tmp_path) as url:
        (tmp_path / "server.json").write_text(json.dumps({"url": url, "pid": 1}))
        run("experiments", "create", "trial", "--challenger", "mine=25%:50%", "--metric", "cited")
        started = json.loads(run("experiments", "start", "trial", "--json"))
        assert (started["state"], started["metric"]) == ("running", "cited")
        assert "50.00%" in run("experiments", "share", "trial", "50%")
        with pytest.raises(ConflictError, match="running, not draft"):
            run("experiments", "start", "trial")
        listed = httpx.get(f"{url}/api/experiments", trust_env=False).json()["experiments"]
        assert [one["author"] for one in listed] == ["local"]
        assert "stopped" in run("experiments", "stop", "trial")
