"""Drift and questions from outside, over HTTP, on the whole application; the engine is a fake."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from app_client import ASKED, app_client
from fake_vllm import FakeVllm

from server.api.identity import evaluator_of
from server.drift.calibrating import calibration_of, sample_of_searched
from tandem.settings import DriftSettings
from tandem.store import DriftReference, DriftReport, Place
from tandem.vocabulary import Caller, KeyScope

FAR = "Which colours does the flag of Mongolia have?"


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    watched = DriftSettings(reference=50, window=50, looks=2, every_s=0.2, alarms=0.05)
    async with app_client(fake, tmp_path, drift=watched) as client:
        yield client


async def ask(http: httpx.AsyncClient, text: str, model: str = "tandem") -> dict:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    response = await http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()["tandem"] | {"text": response.json()["choices"][0]["message"]["content"]}


async def calibrated(http: httpx.AsyncClient) -> None:
    """By questions like the one that the document answers."""
    embedder = http.services.live.collection.embedder
    asked = [f"When does the gate of depot {number} close?" for number in range(100)]
    vectors = [await embedder.embed_query(text) for text in asked]
    sample = sample_of_searched(vectors, [0.6] * 100, list(np.linspace(0.5, 0.9, 100)))
    made = calibration_of(sample, embedder.fingerprint, Caller().tenant, 0.05, "test", "tester")
    # As if questions of the domain were not so much alike.
    spread = np.linspace(0.05, 0.5, 60).tolist()
    made = replace(made, distances=dict.fromkeys(made.distances, spread))
    http.services.store.set_outside_calibration(made, "test")
    await until(lambda: Caller().tenant in http.services.domains.tenants)


async def until(holds) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.05)


async def test_a_question_from_outside_goes_where_its_recipe_says(http: httpx.AsyncClient) -> None:
    before = await ask(http, FAR)
    assert before["distance"] > 0.5
    assert not before["outside"]
    await calibrated(http)
    for name, base, outside in (
        ("shy", "rag", "abstain"),
        ("on", "base", "rag"),
        ("plain", "base", "prompted"),
    ):
        body = {"name": name, "from": base, "changes": {"outside": outside}}
        assert (await http.post("/api/recipes", json=body)).status_code == 201
    near = await ask(http, ASKED, "tandem:on")
    assert (near["outside"], near["recipe"], near["routed_from"]) == (False, "on", None)
    far = await ask(http, FAR, "tandem:on")
    assert (far["outside"], far["recipe"]) == (True, "rag")
    assert far["routed_from"].startswith("on@")
    trace = http.services.store.trace(Caller(), far["trace_id"])
    assert (trace.outside, trace.routed_from, trace.recipe.partition("@")[0]) == (
        True,
        far["routed_from"],
        "rag",
    )
    shy = await ask(http, FAR, "tandem:shy")
    assert (shy["abstained"], shy["outside"], shy["recipe"]) == (True, True, "shy")
    plain = await ask(http, FAR, "tandem:plain")
    assert (plain["recipe"], plain["abstained"]) == ("prompted", False)
    metrics = (await http.get("/metrics")).text
    assert 'tandem_questions_outside_total{recipe="on"} 1.0' in metrics
    assert 'tandem_questions_outside_total{recipe="shy"} 1.0' in metrics


async def test_drift_is_seen_told_and_shown_by_questions(http: httpx.AsyncClient) -> None:
    services = http.services
    places = ("north", "south", "east", "west", "old")
    for number in range(50):
        await ask(http, f"When does the {places[number % 5]} gate number {number} close in the evening?")
    await until(lambda: (one := services.store.drift_reference("default")) and one.complete_at)
    assert len(services.store.drift_reference("default").vectors) > 0
    things = ("cake", "soup", "bread", "pie", "sauce")
    for number in range(25):
        await ask(http, f"How many eggs are in a {things[number % 5]} for {number} guests?", "tandem:base")
    for number in range(25):
        await ask(http, f"How many eggs are in a {things[number % 5]} for {number} children?")
    await until(lambda: len(services.store.drift_reports("default")) > 6)
    found = (await http.get("/api/drift", params={"alarms": True})).json()
    assert found["reference"]["answers"] == 50
    questions = [one for one in found["reports"] if one["series"] == "questions"]
    assert questions
    assert any("eggs" in example["question"] for example in questions[0]["examples"])
    await asyncio.sleep(0.5)
    assert 'tandem_drift_alarm{series="questions"} 1.0' in (await http.get("/metrics")).text
    checked = (await http.post("/api/drift/check", json={})).json()["reports"]
    assert any(one["alarm"] for one in checked)
    # Of the reference there are too few for 5%, and enough for 20%.
    assert (await http.post("/api/drift/calibration", json={})).status_code == 400
    made = await http.post("/api/drift/calibration", json={"false_alarms": 0.2})
    assert made.status_code == 201, made.text
    assert made.json()["low"] < 0.2 < made.json()["high"]
    again = await http.post("/api/drift/reference", json={})
    assert (again.status_code, again.json()["complete_at"]) == (201, None)


async def test_an_evaluator_sees_the_words_of_no_other_tenant_and_not_what_all_ask(
    http: httpx.AsyncClient,
) -> None:
    evaluator = Caller("acme", "key:1", frozenset({KeyScope.EVALUATE}))
    http.app.dependency_overrides[evaluator_of] = lambda: evaluator
    mine = await ask(http, ASKED)
    now = datetime.now(UTC)
    reference = DriftReference("acme", now, now, 1, "test", "tester", now, complete_at=now)
    report = DriftReport(
        "r1",
        "acme",
        now,
        "questions",
        "MMD",
        0.1,
        0.0,
        0.1,
        True,
        None,
        None,
        1,
        1,
        now,
        now,
        (mine["trace_id"],),
    )
    store = http.services.store
    store.set_drift_reference(reference, "test")
    assert store.finish_drift_look(reference, Place(now), [report])
    reports = (await http.get("/api/drift")).json()["reports"]
    assert [one["examples"] for one in reports] == [[]]
    assert (await http.get("/api/drift", params={"everywhere": True})).status_code == 403
