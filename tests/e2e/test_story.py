"""A bad prompt is promoted, live quality falls, the alert fires, the champion rolls back by itself, and all of it is
visible. A real server process; the engine alone is a scripted one.
"""

import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from app_client import ASKED, FACT
from fake_vllm import FakeVllm
from receiver import Receiver
from running import Tandem, environment_for, started, tandem_command
from scripted_engine import bad_prompt, by_prompt

from tandem.settings import StoreSettings
from tandem.store import open_store

RULE = """[[rules]]
name = "champion-abstains-more"
metric = "abstained_share"
scope = "champion"
worse_by = 0.15
least = 15
window_s = 600
severity = "critical"
intervention = "rollback"
"""
SECRET = "a secret of the webhook"
QUESTIONS = 15


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.serving() as server:
        yield server


@pytest.fixture
def tandem(tmp_path: Path, receiver: Receiver) -> Iterator[Tandem]:
    rules = tmp_path / "rules.toml"
    rules.write_text(RULE)
    with FakeVllm.serving() as engine:
        engine.plays = [by_prompt]
        environment = environment_for(
            tmp_path / "data",
            TANDEM_ENGINE__ADDRESS=engine.address,
            TANDEM_ANSWER__EVIDENCE="0.2",
            TANDEM_ALERTS__EVERY_S="0.5",
            TANDEM_ALERTS__RULES=str(rules),
            TANDEM_ALERTS__WEBHOOK=f"{receiver.url}/hook",
            TANDEM_ALERTS__WEBHOOK_SECRET=SECRET,
            TANDEM_ALERTS__ALERTMANAGER=receiver.url,
            TANDEM_ALERTS__PRIVATE_TARGETS="true",
        )
        with started(environment, "--no-demo", log=tmp_path / "up.log") as server:
            server.wait_ready()
            yield server


def until(is_so: Callable[[], Any], seconds: float = 15) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)
    return found


def asked(http: httpx.Client, times: int = 1) -> list[tuple[str, bool]]:
    """The recipe that answered, and whether it said that it does not know."""
    found = []
    for _ in range(times):
        body = {"model": "tandem", "messages": [{"role": "user", "content": ASKED}]}
        answered = http.post("/v1/chat/completions", json=body)
        assert answered.status_code == 200, answered.text
        told = answered.json()["tandem"]
        assert told["abstained"] or FACT in answered.json()["choices"][0]["message"]["content"]
        found.append((told["recipe"], told["abstained"]))
    return found


def test_a_bad_promotion_over_a_scripted_engine_is_seen_undone_and_told_of(
    tandem: Tandem, receiver: Receiver
) -> None:
    with tandem.client() as http:
        file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
        assert http.post("/api/corpora/rules/documents", files=file).status_code == 201
        assert asked(http, QUESTIONS) == [("rag", False)] * QUESTIONS

        good = http.get("/api/prompts/rag").json()["text"]
        saved = http.post("/api/prompts", json={"name": "lively", "text": bad_prompt(good)})
        assert saved.status_code == 201, saved.text
        recipe = {"name": "lively", "from": "rag", "changes": {"prompt": "lively"}}
        assert http.post("/api/recipes", json=recipe).status_code == 201
        promoted = http.put("/api/champion", json={"recipe": "lively", "reason": "More life"})
        assert promoted.status_code == 200, promoted.text
        bad = promoted.json()["champion"]
        assert bad.startswith("lively@")
        assert asked(http, QUESTIONS) == [("lively", True)] * QUESTIONS

        until(lambda: http.get("/api/champion").json()["champion"] == "rag")
        assert asked(http, 3) == [("rag", False)] * 3

        made = until(lambda: [one for one in interventions(http) if one["state"] == "done"])[0]
        assert (made["kind"], made["subject"], made["rule"]) == ("rollback", bad, "champion-abstains-more")
        assert (made["figures"]["value"], made["figures"]["before"]) == (1.0, 0.0)
        (past,) = until(lambda: [one for one in alerts(http) if one["state"] == "resolved"])
        assert past["subject"] == bad
        check_audit(tandem, made["id"], bad)
        check_metrics(http)
        check_notices(receiver, bad)
        check_terminal(tandem, made["id"])


def interventions(http: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get("/api/interventions").json()["interventions"]
    return found


def alerts(http: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get("/api/alerts", params={"state": "all"}).json()["alerts"]
    return found


def check_audit(tandem: Tandem, intervention: str, bad: str) -> None:
    """Who changed the champion, and why, in a chain that holds."""
    folder = Path(tandem.environment["TANDEM_DATA_DIR"])
    with closing(open_store(StoreSettings(), folder)) as store:
        store.verify_audit()
        entries = list(reversed(store.audit_entries()))
        changes = [one for one in entries if one.action == "champion.changed"]
        assert [one.object for one in changes][-2:] == [bad, "rag"]
        assert changes[-1].subject == "tandem"
        assert intervention in changes[-1].details["reason"]
        order = [one.action for one in entries if one.action.startswith(("alert.", "intervention."))]
        assert order[:3] == ["alert.fired", "intervention.decided", "intervention.made"]
        assert store.champion_history(limit=1)[0].author == "tandem"


def check_metrics(http: httpx.Client) -> None:
    page = until(
        lambda: text if 'kind="rollback",state="done"} 1.0' in (text := http.get("/metrics").text) else ""
    )
    assert f'tandem_answers_total{{outcome="abstained",recipe="lively"}} {QUESTIONS}.0' in page
    assert f'tandem_answers_total{{outcome="answered",recipe="rag"}} {QUESTIONS + 3}.0' in page
    assert "tandem_alerts_looked_timestamp_seconds" in page


def check_notices(receiver: Receiver, bad: str) -> None:
    """The webhook heard of the alert and of what was done, signed; Alertmanager of the alert."""
    told = until(lambda: _told(receiver) if len(_told(receiver)) >= 3 else None)
    assert {(one["kind"], one["state"]) for one in told} == {
        ("alert", "firing"),
        ("alert", "resolved"),
        ("intervention", "done"),
    }
    for post in receiver.posted:
        if post.path == "/hook":
            moment, _, signed = post.headers["tandem-signature"].partition(",v1=")
            body = moment.removeprefix("t=").encode() + b"." + post.raw
            assert signed == hmac.new(SECRET.encode(), body, sha256).hexdigest()
    to_manager = [post.body[0] for post in receiver.posted if post.path == "/api/v2/alerts"]
    assert to_manager[0]["labels"]["alertname"] == "champion-abstains-more"
    assert to_manager[0]["labels"]["subject"] == bad


def _told(receiver: Receiver) -> list[dict[str, Any]]:
    return [post.body for post in receiver.posted if post.path == "/hook"]


def check_terminal(tandem: Tandem, intervention: str) -> None:
    shown = tandem_command("monitor", "--once", environment=tandem.environment)
    assert shown.returncode == 0, shown.stderr
    assert "champion rag" in shown.stdout
    assert intervention in shown.stdout
