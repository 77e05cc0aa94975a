"""Shadow answers on the whole application: nobody sees them, nobody waits for them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from app_client import app_client
from fake_vllm import FakeVllm, Handler, Play, refuse, say

from tandem.vocabulary import Caller

SHADOWED = {"name": "dark", "mode": "shadow", "challengers": [{"recipe": "mine", "share": 1.0}]}


def by_temperature(shown: Play, hidden: Play) -> Play:
    """`mine` asks at 0.25, and nobody else does."""
    return lambda handler: (hidden if handler.asked["temperature"] == 0.25 else shown)(handler)


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        server.plays = [by_temperature(say("At", " seven"), say("At", " eight"))]
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A server on which the challenger `mine` answers every question of `base` in shadow."""
    async with app_client(fake, tmp_path, documents=False) as client:
        changes = {"temperature": 0.25}
        body = {"name": "mine", "from": "base", "changes": changes}
        assert (await client.post("/api/recipes", json=body)).status_code == 201
        assert (await client.put("/api/champion", json={"recipe": "base"})).status_code == 200
        assert (await client.post("/api/experiments", json=SHADOWED)).status_code == 201
        assert (await client.post("/api/experiments/dark/start")).status_code == 200
        yield client


async def ask(http: httpx.AsyncClient, user: str = "ann", **body: object) -> dict:
    said = {"messages": [{"role": "user", "content": "When?"}], "user": user, **body}
    response = await http.post("/v1/chat/completions", json=said)
    assert response.status_code == 200, response.text
    return response.json()


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(15):
        while not true():
            await asyncio.sleep(0.02)


def shadows(http: httpx.AsyncClient) -> list:
    experiment = http.services.store.experiment("dark").id
    units = http.services.store.experiment_units(experiment)
    return [one for one in units if one.arm == "challenger"]


async def page_with(http: httpx.AsyncClient, line: str) -> str:
    """The metrics, once they have the line."""
    async with asyncio.timeout(15):
        while line not in (page := (await http.get("/metrics")).text):
            await asyncio.sleep(0.02)
    return page


async def test_the_user_gets_the_champion_s_answer_and_the_challenger_s_is_kept_beside_it(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    told: list[bool] = []
    http.services.events.subscribe(lambda event: told.append(event.answer.shadow))
    body = await ask(http)
    assert body["choices"][0]["message"]["content"] == "At seven"
    assert (body["tandem"]["recipe"], "eight" in str(body), "mine" in str(body)) == ("base", False, False)
    await until(lambda: len(told) == 2)
    store = http.services.store
    shown = store.trace(Caller(), body["tandem"]["trace_id"])
    hidden = store.trace(Caller(), f"{shown.id}-challenger")
    assert (shown.answer, shown.shadow, hidden.answer, hidden.shadow) == ("At seven", False, "At eight", True)
    assert (shown.unit, shown.experiment) == (hidden.unit, hidden.experiment)
    assert hidden.recipe.startswith("mine@")
    assert [one["messages"] for one in fake.requests[-2:]] == [fake.requests[-1]["messages"]] * 2
    assert told == [False, True]
    pairs = (await http.get("/api/experiments/dark/pairs")).json()["pairs"]
    assert [(one["question"], one["shown"], one["shadow"], one["agreement"]) for one in pairs] == [
        ("When?", "At seven", "At eight", 0.5)
    ]
    figures = (await http.get("/api/experiments/dark")).json()["result"]["pairs"]
    assert {one["figure"]: one["pairs"] for one in figures}["agreement"] == 1
    page = await page_with(http, 'tandem_shadow_answers_total{outcome="answered"} 1.0')
    assert 'tandem_answers_total{outcome="answered",recipe="base"} 1.0' in page
    assert 'recipe="mine"' not in page


async def test_a_stream_has_no_word_of_the_shadow(http: httpx.AsyncClient) -> None:
    body = {"messages": [{"role": "user", "content": "When?"}], "stream": True}
    response = await http.post("/v1/chat/completions", json=body)
    await until(lambda: shadows(http))
    assert "seven" in response.text
    assert "eight" not in response.text
    assert "mine" not in response.text


async def test_the_user_does_not_wait_and_what_is_too_much_is_dropped_and_counted(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    """While the first shadow hangs, eight may wait; of the other five none is made."""

    def hang(handler: Handler) -> None:
        fake.left.wait(20)
        say("late")(handler)

    fake.plays = [by_temperature(say("At", " seven"), hang)]
    for number in range(14):
        await ask(http, f"user {number}")
    assert shadows(http) == []
    async with asyncio.timeout(5):
        while (await http.get("/api/experiments/dark")).json()["dropped"] != 5:
            await asyncio.sleep(0.05)
    fake.left.set()
    await until(lambda: len(shadows(http)) == 9)
    page = (await http.get("/metrics")).text
    assert 'tandem_shadow_answers_total{outcome="dropped"} 5.0' in page


async def test_a_shadow_that_fails_is_seen_in_the_result_alone(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    fake.plays = [by_temperature(say("At", " seven"), refuse(500, {"error": {"message": "boom"}}))]
    body = await ask(http)
    assert body["choices"][0]["message"]["content"] == "At seven"
    await until(lambda: shadows(http))
    assert [one.failed for one in shadows(http)] == [1.0]
    pairs = (await http.get("/api/experiments/dark/pairs")).json()["pairs"]
    assert (pairs[0]["shadow_outcome"], pairs[0]["shadow"], pairs[0]["agreement"]) == ("failed", None, None)


async def test_a_question_to_a_named_recipe_has_no_shadow_and_a_stopped_one_makes_none(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    await ask(http, model="tandem:base")
    await http.post("/api/experiments/dark/stop", json={})
    await ask(http)
    await asyncio.sleep(0.2)
    assert (len(fake.requests), shadows(http)) == (2, [])
