"""Experiments over HTTP, on the whole application; the engine is a fake."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from app_client import app_client
from experiment_rows import OPS, saw, users, voted
from fake_vllm import FakeVllm
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from server.api.identity import evaluator_of
from server.experiments import LiveExperiments
from server.experiments.tending import look_at, tend_experiments
from tandem.adapters import AdapterRegistry
from tandem.adapters.base import base_hash
from tandem.experiments import arm_at, begin, unit_of
from tandem.prompts import PromptLibrary
from tandem.recipes import builtin_recipes
from tandem.settings import StoreSettings
from tandem.store import ExperimentState, Observation, open_store
from tandem.vocabulary import Caller, KeyScope

TRIAL = {"name": "trial", "challengers": [{"recipe": "mine", "share": 0.4}]}
EVER = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A server whose champion is `base`, with the recipe `mine` beside it."""
    async with app_client(fake, tmp_path, documents=False) as client:
        await prepare(client)
        yield client


async def prepare(http: httpx.AsyncClient) -> None:
    await saved(http, "mine", temperature=0.25)
    assert (await http.put("/api/champion", json={"recipe": "base"})).status_code == 200


async def saved(http: httpx.AsyncClient, name: str, **changes: object) -> dict:
    response = await http.post("/api/recipes", json={"name": name, "from": "base", "changes": changes})
    assert response.status_code in (200, 201), response.text
    return response.json()


async def post(http: httpx.AsyncClient, path: str, body: dict | None = None, status: int = 200) -> dict:
    response = await http.post(f"/api/experiments{path}", json=body)
    assert response.status_code == status, response.text
    return response.json()


async def begun(http: httpx.AsyncClient, **wish: object) -> dict:
    """An experiment that runs."""
    made = await post(http, "", TRIAL | wish, 201)
    return await post(http, f"/{made['name']}/start")


async def ask(http: httpx.AsyncClient, user: str | None = None, **body: object) -> str:
    """The recipe that answered."""
    said = {"messages": [{"role": "user", "content": "When?"}], **({"user": user} if user else {}), **body}
    response = await http.post("/v1/chat/completions", json=said)
    assert response.status_code == 200, response.text
    return response.json()["tandem"]["recipe"]


def seen(http: httpx.AsyncClient, experiment: str | None = None) -> list[Observation]:
    return http.services.store.observations(since=EVER, experiment=experiment)


async def test_users_keep_their_arm_on_another_server_and_after_a_restart(
    fake: FakeVllm, tmp_path: Path
) -> None:
    names = [f"user {n}" for n in range(12)]
    async with app_client(fake, tmp_path, documents=False) as http:
        await prepare(http)
        assert {await ask(http, name) for name in names[:3]} == {"base"}
        made = await begun(http)
        trial = http.services.store.experiment("trial")
        units = {name: unit_of(trial, "default", name, None) for name in names}
        expected = {
            n: "mine" if arm_at(trial.slices, u) == "challenger" else "base" for n, u in units.items()
        }
        assert {name: await ask(http, name) for name in names} == expected
        assert set(expected.values()) == {"mine", "base"}
        rows = seen(http, made["id"])
        assert {one.unit for one in rows} == set(units.values())
        assert {(one.arm, one.recipe.partition("@")[0]) for one in rows} == {
            ("champion", "base"),
            ("challenger", "mine"),
        }
        assert (await ask(http, "anybody", model="tandem:rag")) == "rag"

        # A process of its own, simulated by what it holds in memory, which hears of all from the store alone.
        services = http.services
        book = builtin_recipes(services.settings, PromptLibrary())
        book.follow(services.store)
        other = LiveExperiments(book, services.adapters, services.settings.engine, services.metrics)
        await other.follow(services.store)
        champion = book.of_model("tandem")
        there = {name: other.choose("default", None, name, None, champion) for name in names}
        assert {name: said.recipe.name for name, said in there.items() if said} == expected
    async with app_client(fake, tmp_path, documents=False) as http:
        assert {name: await ask(http, name) for name in names} == expected
        shown = (await http.get("/api/experiments/trial")).json()
        arms = {one["arm"]: one for one in shown["result"]["arms"]}
        assert arms["challenger"]["units"] == list(expected.values()).count("mine")
        assert sum(one["answers"] for one in arms.values()) == 24
        assert shown["result"]["kinds"] == {"user": 12}


async def test_another_server_follows_within_a_second(http: httpx.AsyncClient) -> None:
    """What the other server's command does is done in the store alone."""
    await post(http, "", TRIAL | {"challengers": [{"recipe": "mine", "share": 0.99}]}, 201)
    services = http.services
    begin("trial", services.recipes, services.store, services.settings, OPS)
    deadline = asyncio.get_running_loop().time() + 2
    while not services.experiments.running:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    assert {await ask(http, f"user {n}") for n in range(6)} >= {"mine"}


async def test_conversations_and_lone_requests_are_units_where_no_user_is_named(
    http: httpx.AsyncClient,
) -> None:
    made = await begun(http)
    recipes = {await ask(http, tandem={"conversation": "c1"}) for _ in range(5)}
    assert len(recipes) == 1
    await ask(http)
    kinds = [one.unit[0] for one in seen(http, made["id"]) if one.unit]
    assert sorted(kinds) == ["c", "c", "c", "c", "c", "r"]


async def test_a_share_grows_and_nobody_is_moved_back(http: httpx.AsyncClient) -> None:
    await begun(http, challengers=[{"recipe": "mine", "share": 0.05, "final": 0.5}])
    names = [f"user {n}" for n in range(24)]
    before = {name: await ask(http, name) for name in names}
    grown = await post(http, "/trial/share", {"shares": {"challenger": 0.5}})
    assert (grown["challengers"][0]["share"], grown["counted_from"] is not None) == (0.5, True)
    after = {name: await ask(http, name) for name in names}
    assert all(after[name] == "mine" for name in names if before[name] == "mine")
    assert 4 <= list(after.values()).count("mine") <= 20
    refused = [({"challenger": 0.4}, 400), ({"challenger": 0.6}, 400), ({"nosuch": 0.5}, 404)]
    for shares, status in refused:
        await post(http, "/trial/share", {"shares": shares}, status)


async def test_only_the_scope_of_an_experiment_is_in_it(http: httpx.AsyncClient) -> None:
    made = await begun(http, corpora=["rules"], challengers=[{"recipe": "mine", "share": 0.99}])
    assert await ask(http, "ann") == "base"
    await ask(http, "ann", tandem={"corpora": ["rules"]})
    assert len(seen(http, made["id"])) == 1
    elsewhere = await post(http, "", TRIAL | {"name": "elsewhere", "tenants": ["acme"]}, 201)
    await post(http, f"/{elsewhere['id']}/start", status=409)
    await post(http, "", TRIAL | {"name": "other", "corpora": ["laws"]}, 201)
    await post(http, "/other/start")
    running = [one["name"] for one in (await http.get("/api/experiments")).json()["experiments"]]
    assert set(running) == {"other", "elsewhere", "trial"}


REFUSED = [
    ({"challengers": [{"recipe": "nosuch"}]}, 404),
    ({"challengers": []}, 400),
    ({"challengers": [{"recipe": "mine", "share": 0.5, "final": 0.25}]}, 400),
    ({"challengers": [{"recipe": "mine", "share": 1.0}]}, 400),
    ({"challengers": [{"recipe": "mine", "share": 0.1}, {"recipe": "mine@1", "share": 0.1}]}, 400),
    ({"name": "Trial 1"}, 400),
    ({"guardrails": [{"metric": "failed", "limit": 2}]}, 400),
    ({"guardrails": [{"metric": "failed", "limit": 0.1}, {"metric": "failed", "limit": 0.2}]}, 400),
    ({"mode": "shadow", "promotes": True}, 400),
    ({"smallest": 0}, 400),
    ({"color": "red"}, 400),
]


async def test_what_cannot_be_an_experiment_is_refused(http: httpx.AsyncClient) -> None:
    for wish, status in REFUSED:
        body = await post(http, "", TRIAL | wish, status)
        assert body["error"]["message"]
    assert (await http.get("/api/experiments")).json() == {"experiments": []}


async def test_one_that_is_stopped_gives_everybody_the_champion_and_says_why(http: httpx.AsyncClient) -> None:
    await begun(http, challengers=[{"recipe": "mine", "share": 0.99}])
    assert "mine" in {await ask(http, f"user {n}") for n in range(5)}
    stopped = await post(http, "/trial/stop", {"reason": "too slow"})
    assert (stopped["state"], stopped["why"]) == ("stopped", "too slow")
    assert {await ask(http, f"user {n}") for n in range(5)} == {"base"}
    await post(http, "/trial/stop", {}, 409)
    await post(http, "/nosuch/stop", {}, 404)
    await post(http, "/trial/promote", {}, 409)
    actions = [one.action for one in http.services.store.audit_entries() if one.object == "trial"]
    assert actions == ["experiment.stopped", "experiment.started", "experiment.created"]


async def test_the_test_decides_and_the_winner_is_promoted(http: httpx.AsyncClient) -> None:
    made = await begun(http, promotes=True, metric="feedback", smallest=0.2)
    services = http.services
    trial = services.store.experiment("trial")
    voted(services.store, trial, "challenger", users(trial, "challenger", 45, "acme"), "up")
    voted(services.store, trial, "champion", users(trial, "champion", 45, "acme"), "down")
    await look_at(trial, services)
    assert services.store.experiment("trial").state == "decided"
    assert not services.experiments.running
    async with asyncio.timeout(15):
        while services.store.unpromoted_experiments():
            await asyncio.sleep(0.05)
    shown = (await http.get(f"/api/experiments/{made['id']}")).json()
    assert (shown["winner"], shown["promotion_fault"]) == ("challenger", "")
    assert shown["promoted_at"] is not None
    assert shown["why"].startswith("challenger is better: feedback +1 (from ")
    mine = services.recipes.find("mine")
    champion = (await http.get("/api/champion")).json()
    assert champion["champion"] == f"mine@{mine.version}"
    assert champion["history"][0]["reason"].startswith("Experiment trial: challenger is better")
    assert await ask(http, "ann") == "mine"
    again = await post(http, "/trial/promote", {})
    assert again["promoted_at"] == shown["promoted_at"]
    actions = [one.action for one in services.store.audit_entries() if one.object == "trial"]
    assert actions[:2] == ["experiment.promoted", "experiment.decided"]


async def test_a_winner_is_not_promoted_over_another_champion(http: httpx.AsyncClient) -> None:
    await begun(http, promotes=True)
    services = http.services
    services.store.set_champion("rag", None, author="ada", reason="", initial="rag", expected="base")
    services.store.end_experiment("trial", ExperimentState.DECIDED, "better", OPS, "challenger")
    async with asyncio.timeout(15):
        while services.store.unpromoted_experiments():
            await asyncio.sleep(0.05)
    shown = (await http.get("/api/experiments/trial")).json()
    assert "'rag', not 'base'" in shown["promotion_fault"]
    assert (await http.get("/api/champion")).json()["champion"] == "rag"


async def test_a_broken_guardrail_stops_it_by_itself(
    fake: FakeVllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_EXPERIMENTS__LOOK_S", "0.1")
    async with app_client(fake, tmp_path, documents=False) as http:
        await prepare(http)
        await begun(http, guardrails=[{"metric": "failed", "limit": 0.02}])
        store = http.services.store
        trial = store.experiment("trial")
        saw(store, trial, "challenger", users(trial, "challenger", 30), outcome="failed")
        saw(store, trial, "champion", users(trial, "champion", 30))
        async with asyncio.timeout(15):
            while http.services.experiments.running:
                await asyncio.sleep(0.05)
        shown = (await http.get("/api/experiments/trial")).json()
        assert (shown["state"], shown["winner"]) == ("stopped", None)
        assert "failed is 100.0%, over the limit of 2.0%" in shown["why"]


async def test_one_look_in_its_time_is_enough_for_all_servers(http: httpx.AsyncClient) -> None:
    await begun(http, guardrails=[{"metric": "failed", "limit": 0.02}])
    services = http.services
    await tend_experiments(services)
    trial = services.store.experiment("trial")
    saw(services.store, trial, "challenger", users(trial, "challenger", 30), outcome="failed")
    await tend_experiments(services)
    assert services.store.experiment("trial").state == "running"


async def test_a_champion_that_is_changed_serves_at_once_and_ends_the_experiment(
    http: httpx.AsyncClient,
) -> None:
    await begun(http, challengers=[{"recipe": "mine", "share": 0.99}])
    await http.put("/api/champion", json={"recipe": "prompted"})
    assert {await ask(http, f"user {n}") for n in range(5)} == {"prompted"}
    await look_at(http.services.store.experiment("trial"), http.services)
    shown = (await http.get("/api/experiments/trial")).json()
    assert (shown["state"], shown["why"]) == ("stopped", "The champion was changed to prompted")


async def test_a_champion_that_the_settings_make_anew_ends_the_experiment_too(
    http: httpx.AsyncClient,
) -> None:
    await begun(http, challengers=[{"recipe": "mine", "share": 0.99}])
    services = http.services
    trial = services.store.experiment("trial")
    builtin = services.recipes.builtin
    services.recipes.take_builtin(dict(builtin) | {"base": replace(builtin["base"], model="other")})
    fresh, settled = trial, replace(trial, started_at=trial.created_at - timedelta(seconds=9))
    await look_at(fresh, services)
    assert services.store.experiment("trial").state == "running"
    said = services.experiments.choose("default", None, "ann", None, services.recipes.of_model("tandem"))
    assert said is None
    await look_at(settled, services)
    assert (
        services.store.experiment("trial").why == "The champion base is not the recipe any more that it was"
    )


async def test_a_challenger_that_serves_already_is_none(http: httpx.AsyncClient) -> None:
    await post(http, "", TRIAL | {"challengers": [{"recipe": "base"}]}, 201)
    body = await post(http, "/trial/start", status=409)
    assert "is the champion" in body["error"]["message"]
    assert (await http.get("/api/experiments/trial")).json()["state"] == "draft"


async def test_an_evaluator_of_a_tenant_sees_its_own_share_and_changes_nothing(
    http: httpx.AsyncClient,
) -> None:
    await begun(http, tenants=["acme", "default"])
    store = http.services.store
    trial = store.experiment("trial")
    saw(store, trial, "challenger", users(trial, "challenger", 3))
    await ask(http, "ann")
    acme = Caller("acme", "key:1", frozenset({KeyScope.EVALUATE}))
    http.app.dependency_overrides[evaluator_of] = lambda: acme
    shown = (await http.get("/api/experiments/trial")).json()
    assert (shown["tenants"], shown["result"]["kinds"]) == (["acme"], {"user": 3})
    http.app.dependency_overrides[evaluator_of] = lambda: replace(acme, tenant="stranger")
    for path in ("/trial", f"/{trial.id}", "/trial/pairs"):
        assert (await http.get(f"/api/experiments{path}")).status_code == 404
    assert (await http.get("/api/experiments")).json() == {"experiments": []}


async def test_a_challenger_that_cannot_be_asked_leaves_its_users_to_the_champion(
    fake: FakeVllm, tmp_path: Path
) -> None:
    base = tiny_base(tmp_path / "tiny")
    store = open_store(StoreSettings(), tmp_path)
    trained = tiny_adapter(base, tmp_path / "trained")
    AdapterRegistry(tmp_path, store).register(trained, name="law", facts=facts_of(base), author="ada")
    store.close()
    async with app_client(fake, tmp_path, documents=False, base_hash=base_hash(base)) as http:
        await saved(http, "mine", model="law@1")
        await http.put("/api/champion", json={"recipe": "base"})
        await post(http, "", TRIAL | {"challengers": [{"recipe": "mine", "share": 0.99}]}, 201)
        fake.load_fault = (500, {"error": {"message": "no memory"}})
        await post(http, "/trial/start", status=503)
        assert (await http.get("/api/experiments/trial")).json()["state"] == "draft"
        fake.load_fault = None
        for site in http.services.adapters._sites():
            site.loads.forgive("law@1")
        made = await post(http, "/trial/start")
        assert {await ask(http, f"user {n}") for n in range(4)} == {"mine"}
        fake.load_fault = (500, {"error": {"message": "no memory"}})
        fake.adapters.clear()
        http.services.adapters.forget("law@1")
        assert {await ask(http, f"user {n}") for n in range(4)} == {"base"}
        arms = [one.arm for one in seen(http, made["id"])]
        assert (arms.count("challenger"), arms.count("challenger:unserved")) == (4, 4)
        shown = (await http.get("/api/experiments/trial")).json()
        mine = next(one for one in shown["result"]["arms"] if one["arm"] == "challenger")
        assert (mine["unserved"], mine["units"]) == (4, 4)
        assert "tandem_experiment_unserved_total 4.0" in (await http.get("/metrics")).text
