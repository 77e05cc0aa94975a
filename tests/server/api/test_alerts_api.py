"""Alerts, their rules and interventions over HTTP: seen by evaluators, changed by operators."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from app_client import ASKED, app_client
from fake_vllm import FakeVllm, refuse
from scripted_engine import by_prompt
from watched import seen

from server.alerting import Watch, look
from tandem.monitoring.alert import Alert
from tandem.store import Guards

RULE = {"name": "dear", "metric": "tokens_per_hour", "above": 1_000_000, "least": 0}

TARGET = {"change": 2, "champion": "mine@0123456789ab", "before": "rag"}
"""Of a rollback: nothing was promoted here."""


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path_factory.mktemp("alerts")) as http:
            http.fake = fake
            yield http


@pytest.fixture(autouse=True)
def scripted(client: Any) -> None:
    client.fake.plays = [by_prompt]


async def asked(client: httpx.AsyncClient, status: int = 200) -> None:
    body = {"model": "tandem", "messages": [{"role": "user", "content": ASKED}]}
    assert (await client.post("/v1/chat/completions", json=body)).status_code == status


def opened(client: Any, kind: str, *, ask: bool = True, rule: str = "answers-fail") -> str:
    """An intervention of an alert that somebody's look has found."""
    now = datetime.now(UTC)
    alert = Alert("a1", rule, "all", "firing", "critical", "failed_share", now, now, value=0.5, answers=40)
    guards = Guards(2, 60, 0)
    made = client.services.store.open_intervention(kind, alert, f"alert {now}", TARGET, guards, now, ask=ask)
    return str(made.id)


async def until_done(client: httpx.AsyncClient, made: str) -> dict[str, Any]:
    for _ in range(100):
        found: dict[str, Any] = (await client.get(f"/api/interventions/{made}")).json()
        if found["state"] in ("done", "failed"):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_the_figures_of_live_answers_are_told_by_recipe_with_intervals(client: Any) -> None:
    for _ in range(3):
        await asked(client)
    told = (await client.get("/api/monitoring")).json()
    (rag,) = told["recipes"]
    assert (rag["recipe"].partition("@")[0], rag["answers"], rag["answered"]) == ("rag", 3, 3)
    assert rag["cited_mean"]["value"] == 1.0
    assert rag["failed_share"] == {"value": 0.0, "low": 0.0, "high": pytest.approx(0.5615, abs=1e-3), "n": 3}
    assert rag["first_token_ms"]["n"] == 3 and rag["first_token_ms"]["p50"] <= rag["first_token_ms"]["p95"]
    assert (told["champion"], told["tenant"], told["all"]["answers"]) == ("rag", None, 3)
    none = (await client.get("/api/monitoring", params={"tenant": "other"})).json()
    assert none["all"]["answers"] == 0 and none["recipes"] == []


async def test_an_answer_that_fails_is_counted(client: Any) -> None:
    client.fake.plays = [refuse(400, {"error": {"message": "no such model"}})]
    body = {"model": "tandem:base", "messages": [{"role": "user", "content": ASKED}]}
    refused = await client.post("/v1/chat/completions", json=body)
    assert refused.status_code >= 400
    metrics = (await client.get("/metrics")).text
    expected = 1.0 if refused.status_code >= 500 else 0.0
    counted = 'tandem_answers_total{outcome="failed",recipe="base"} 1.0' in metrics
    assert counted == bool(expected)


async def test_rules_are_listed_saved_and_removed(client: Any) -> None:
    rules = {one["rule"]["name"]: one for one in (await client.get("/api/alerts/rules")).json()["rules"]}
    assert rules["champion-abstains-more"]["source"] == "builtin"
    saved = await client.put("/api/alerts/rules/dear", json=RULE)
    assert saved.status_code == 200, saved.text
    off = rules["answers-fail"]["rule"] | {"enabled": False}
    assert (await client.put("/api/alerts/rules/answers-fail", json=off)).status_code == 200
    rules = {one["rule"]["name"]: one for one in (await client.get("/api/alerts/rules")).json()["rules"]}
    assert (rules["dear"]["source"], rules["answers-fail"]["source"]) == ("store", "store")
    assert not rules["answers-fail"]["rule"]["enabled"]
    assert (await client.delete("/api/alerts/rules/answers-fail")).status_code == 204
    rules = {one["rule"]["name"]: one for one in (await client.get("/api/alerts/rules")).json()["rules"]}
    assert rules["answers-fail"]["source"] == "builtin"
    assert (await client.delete("/api/alerts/rules/answers-fail")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [RULE | {"name": "other"}, RULE | {"below": 1}, RULE | {"metric": "beauty"}, RULE | {"more": 1}, {}],
)
async def test_a_rule_that_makes_no_sense_is_refused(client: Any, body: dict[str, Any]) -> None:
    refused = await client.put("/api/alerts/rules/dear", json=body)
    assert refused.status_code == 400, refused.text


async def test_a_silence_holds_for_a_rule_that_there_is_and_can_be_ended(client: Any) -> None:
    wish = {"rule": "answers-fail", "seconds": 60, "reason": "we know"}
    made = await client.post("/api/alerts/silences", json=wish)
    assert made.status_code == 201, made.text
    (held,) = (await client.get("/api/alerts/silences")).json()["silences"]
    assert (held["rule"], held["reason"]) == ("answers-fail", "we know")
    assert (await client.delete(f"/api/alerts/silences/{held['id']}")).status_code == 204
    assert (await client.get("/api/alerts/silences")).json()["silences"] == []
    unknown = await client.post("/api/alerts/silences", json=wish | {"rule": "none"})
    assert unknown.status_code == 404


async def test_an_alert_is_seen_with_its_summary_and_its_runbook(client: Any) -> None:
    store, at = client.services.store, datetime.now(UTC)
    for _ in range(40):
        store.add_observation(
            seen(at=at - timedelta(seconds=30), outcome="degraded", recipe="seen@0123456789ab")
        )
    rule = {"name": "degrades", "metric": "degraded_share", "scope": "recipe:seen", "above": 0.1}
    assert (await client.put("/api/alerts/rules/degrades", json=rule)).status_code == 200
    assert await look(Watch.of(client.services), at + timedelta(seconds=60))
    (found,) = (await client.get("/api/alerts", params={"rule": "degrades"})).json()["alerts"]
    assert (found["state"], found["value"], found["answers"]) == ("firing", 1.0, 40)
    assert found["summary"] == "Answers of passages alone of seen: 100% [91%, 100%] of 40; the limit is 10%"
    assert found["runbook"].endswith("/docs/runbook.md#degrades")


async def test_a_proposed_switch_is_approved_followed_and_undone(client: Any) -> None:
    made = opened(client, "degrade")
    assert (await client.get("/api/interventions")).json()["interventions"][0]["state"] == "proposed"
    assert (await client.post(f"/api/interventions/{made}/approve")).json()["state"] == "due"
    done = await until_done(client, made)
    assert (done["state"], done["decided_by"]) == ("done", "local")
    while not client.services.resilience.passages_only:
        await asyncio.sleep(0.05)
    body = {"model": "tandem", "messages": [{"role": "user", "content": ASKED}]}
    assert (await client.post("/v1/chat/completions", json=body)).json()["tandem"]["degraded"]
    undone = await client.post(f"/api/interventions/{made}/undo")
    assert undone.json()["state"] == "undone"
    assert not client.services.resilience.passages_only
    assert (await client.post(f"/api/interventions/{made}/undo")).status_code == 409


async def test_a_rejected_one_is_not_made(client: Any) -> None:
    made = opened(client, "degrade")
    assert (await client.post(f"/api/interventions/{made}/reject")).json()["state"] == "rejected"
    assert (await client.post(f"/api/interventions/{made}/approve")).status_code == 409
    assert not client.services.store.forced_degraded()


async def test_a_request_to_retrain_is_shown_until_it_is_withdrawn(client: Any) -> None:
    made = opened(client, "retrain", ask=False, rule="questions-drift")
    await until_done(client, made)
    (request,) = (await client.get("/api/interventions")).json()["retraining"]
    assert request["author"] == "tandem" and "questions-drift" in request["reason"]
    assert (await client.post(f"/api/interventions/{made}/undo")).status_code == 200
    assert (await client.get("/api/interventions")).json()["retraining"] == []


async def test_what_cannot_be_made_says_why(client: Any) -> None:
    made = opened(client, "rollback", ask=False)
    found = await until_done(client, made)
    assert found["state"] == "failed" and "changed by somebody else" in found["note"]


async def test_an_unknown_intervention_is_not_found(client: Any) -> None:
    for path in ("", "/approve", "/reject", "/undo"):
        method = client.post if path else client.get
        assert (await method(f"/api/interventions/none{path}")).status_code == 404
