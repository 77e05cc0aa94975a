"""Recipes and the champion over HTTP, on the whole application; the engine is a fake."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from app_client import ASKED, app_client
from fake_vllm import FakeVllm, Handler, event, usage
from fake_vllm import line as sse_line
from running import environment_for, tandem_command

ASKS = '{% call message("user") %}{{ question }}{% endcall %}'


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with app_client(fake, tmp_path, documents=False) as client:
        yield client


async def save(http: httpx.AsyncClient, name: str = "mine", base: str = "base", **changes: object) -> dict:
    response = await http.post("/api/recipes", json={"name": name, "from": base, "changes": changes})
    assert response.status_code in (200, 201), response.text
    return response.json()


async def ask(http: httpx.AsyncClient, model: str = "tandem") -> dict:
    body = {"model": model, "messages": [{"role": "user", "content": ASKED}]}
    response = await http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    return response.json()["tandem"]


async def test_a_saved_recipe_answers_by_name_and_by_version(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    text = '{% call message("user") %}Say it in verse: {{ question }}{% endcall %}'
    assert (await http.post("/api/prompts", json={"name": "verse", "text": text})).status_code == 201
    first = await save(http, prompt="verse", temperature=0.25)
    assert (first["number"], first["builtin"], first["definition"]["prompt"]) == (1, False, "verse")
    second = await save(http, prompt="verse", temperature=0.75)
    assert (await save(http, prompt="verse", temperature=0.75))["number"] == 2
    assert (await ask(http, "tandem:mine"))["recipe_version"] == second["version"]
    assert fake.requests[-1]["messages"] == [{"role": "user", "content": f"Say it in verse: {ASKED}"}]
    assert fake.requests[-1]["temperature"] == 0.75
    assert (await ask(http, f"tandem:mine@{first['version']}"))["recipe_version"] == first["version"]
    assert fake.requests[-1]["temperature"] == 0.25
    versions = (await http.get("/api/recipes/mine/versions")).json()["versions"]
    assert [one["number"] for one in versions] == [2, 1]
    assert (await http.get("/api/recipes/mine/versions/1")).json() == first
    assert "tandem:mine" in [one["id"] for one in (await http.get("/v1/models")).json()["data"]]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"name": "rag", "from": "base"}, 409, "name"),
        ({"name": "A B", "from": "base"}, 400, "name"),
        ({"name": "mine", "from": "nosuch"}, 404, "recipe"),
        ({"name": "mine", "from": "base", "changes": {"prompt": "nosuch"}}, 404, "prompt"),
        ({"name": "mine", "from": "base", "changes": {"temperature": 3}}, 400, "changes.temperature"),
        ({"name": "mine", "from": "base", "changes": {"warmth": 3}}, 400, "changes.warmth"),
        (
            {"name": "mine", "from": "rag", "changes": {"retrieval": {"passages": 0}}},
            400,
            "retrieval.passages",
        ),
        ({"name": "mine", "from": "base", "changes": {"model": "nosuch"}}, 400, "model"),
    ],
)
async def test_what_cannot_be_a_recipe_is_refused_by_name(
    http: httpx.AsyncClient, body: dict, status: int, param: str
) -> None:
    response = await http.post("/api/recipes", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (status, param), response.text


async def test_the_champion_changes_in_one_step_and_goes_back(http: httpx.AsyncClient) -> None:
    before = (await http.get("/api/champion")).json()
    assert (before["champion"], before["history"]) == ("rag", [])
    mine = await save(http)
    change = {"recipe": "mine", "reason": "shorter", "expected": "rag"}
    changed = (await http.put("/api/champion", json=change)).json()
    assert changed["champion"] == f"mine@{mine['version']}"
    assert [one["reason"] for one in changed["history"]] == ["shorter", "Champion of the settings"]
    assert (await ask(http))["recipe"] == "mine"
    late = await http.put("/api/champion", json=change | {"recipe": "base"})
    assert (late.status_code, late.json()["error"]["param"]) == (409, "expected")
    back = (await http.post("/api/champion/rollback", json={"reason": "worse"})).json()
    assert (back["champion"], back["history"][0]["reason"]) == ("rag", "worse")
    assert (await http.post("/api/champion/rollback", json={})).status_code == 404
    assert (await http.put("/api/champion", json={"recipe": "nosuch"})).status_code == 404


async def test_another_server_on_the_same_store_follows_within_a_second_or_so(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    """A process of its own is simulated by a book of its own, which hears of changes from the store alone."""
    from server.following import follow_recipes
    from server.repeating import repeat
    from tandem.prompts import PromptLibrary
    from tandem.recipes import builtin_recipes

    services = http.services
    other = builtin_recipes(services.settings, PromptLibrary())
    theirs = replace(services, recipes=other)
    following = asyncio.create_task(repeat(lambda: follow_recipes(theirs), "not_followed", 0.5))
    mine = await save(http)
    await http.put("/api/champion", json={"recipe": "mine"})
    deadline = asyncio.get_running_loop().time() + 2
    while other.champion == "rag" and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.02)
    assert other.of_model("tandem").version == mine["version"]
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def test_a_command_in_another_process_changes_the_champion_of_a_running_server(
    http: httpx.AsyncClient, fake: FakeVllm, tmp_path: Path
) -> None:
    environment = environment_for(tmp_path, TANDEM_ENGINE__ADDRESS=fake.address)
    await save(http)
    command = ("recipes", "champion", "mine", "--expected", "rag")
    ran = await asyncio.to_thread(tandem_command, *command, environment=environment)
    assert ran.returncode == 0, ran.stderr
    deadline = asyncio.get_running_loop().time() + 2
    while (await ask(http))["recipe"] != "mine":
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    ran = await asyncio.to_thread(tandem_command, *command, environment=environment)
    assert (ran.returncode, "conflict_error" in ran.stderr) == (1, True)


async def test_no_request_mixes_recipes_while_the_champion_changes(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    """Each answer says which recipe it was; what the engine got for it must be that recipe's in every part."""
    marks: dict[str, tuple[str, float]] = {}
    for n, name in enumerate(("one", "two", "three")):
        text = f'{{% call message("user") %}}{name}: {{{{ question }}}}{{% endcall %}}'
        await http.post("/api/prompts", json={"name": name, "text": text})
        temperature = round(0.1 * (n + 1), 1)
        saved = await save(http, name, prompt=name, temperature=temperature)
        marks[saved["version"]] = (name, temperature)

    def echo(handler: Handler) -> None:
        """Answers with what it was asked, slowly, so that the champion changes in the middle."""
        asked = handler.server.requests[-1]
        handler.server.ended.wait(0.02)
        text = json.dumps([asked["messages"][0]["content"].split(":")[0], asked["temperature"]])
        handler.stream(event(text, written=1), event(None, "stop"), sse_line({"choices": []} | usage(1)))

    fake.plays = [echo]
    ended = asyncio.Event()
    changes = 0

    async def change() -> None:
        nonlocal changes
        while not ended.is_set():
            for name in ("one", "two", "three"):
                assert (await http.put("/api/champion", json={"recipe": name})).status_code == 200
                changes += 1
                await asyncio.sleep(0)

    async def ask_often() -> list[dict]:
        """15 answers, and as many more as it takes until several recipes have answered, however slow the disk."""
        answers: list[dict] = []

        def enough() -> bool:
            return changes > 5 and len({answer["tandem"]["recipe"] for answer in answers}) > 1

        while len(answers) < 15 or (not enough() and not changing.done() and len(answers) < 500):
            body = {"messages": [{"role": "user", "content": ASKED}]}
            answers.append((await http.post("/v1/chat/completions", json=body)).json())
        return answers

    await http.put("/api/champion", json={"recipe": "one"})
    changing = asyncio.create_task(change())
    answers = await ask_often()
    ended.set()
    await changing
    assert changes > 5
    assert len({answer["tandem"]["recipe"] for answer in answers}) > 1
    for answer in answers:
        tandem = answer["tandem"]
        name, temperature = json.loads(answer["choices"][0]["message"]["content"])
        assert marks[tandem["recipe_version"]] == (name, temperature) == (tandem["recipe"], temperature)
