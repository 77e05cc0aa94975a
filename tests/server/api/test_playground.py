"""The playground over HTTP, on the whole application; the engine is a fake."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from app_client import ASKED, FACT, app_client
from fake_vllm import FakeVllm, cut_after, endless, say

TEXT = '{% call message("user") %}In verse: {{ question }}{% endcall %}'


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        server.plays = [say("The gate of the Quorvex depot ", "closes at seven in the evening.")]
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with app_client(fake, tmp_path, price_in=1.0, price_out=2.0) as client:
        yield client


async def play(http: httpx.AsyncClient, **body: object) -> list[tuple[str, dict]]:
    response = await http.post("/api/playground", json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    events = [block.split("\ndata: ") for block in response.text.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(value)) for name, value in events]


def of(events: list[tuple[str, dict]], name: str) -> list[dict]:
    return [value for kind, value in events if kind == name]


async def test_variants_answer_side_by_side(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    variants = [
        {"recipe": "rag"},
        {"recipe": "base", "text": TEXT, "changes": {"temperature": 0.75}, "label": "verse"},
    ]
    events = await play(http, variants=variants, question=ASKED)
    assert (events[0][0], events[-1][0]) == ("start", "end")
    heads = events[0][1]["variants"]
    assert [head["label"] for head in heads] == ["rag", "verse"]
    assert heads[1]["definition"]["sampling"]["temperature"] == 0.75
    done = {value["variant"]: value for value in of(events, "done")}
    assert done[0]["answer"] == f"{FACT} [1]"
    assert done[0]["citations"][0]["quote"] == FACT
    assert (done[1]["answer"], done[1]["tokens_in"], done[1]["tokens_out"]) == (FACT, 7, 2)
    assert done[1]["cost"] == pytest.approx((7 * 1.0 + 2 * 2.0) / 1e6)
    assert done[0]["timings"]["total"] > 0
    passages = {value["variant"]: value["passages"] for value in of(events, "passages")}
    assert FACT in passages[0][0]["text"]
    assert set(passages) == {0}, "a recipe without retrieval finds nothing to tell of"
    of_the_first = [name for name, value in events if value.get("variant") == 0]
    assert of_the_first.index("passages") < of_the_first.index("delta")
    for variant in (0, 1):
        said = [value["text"] for value in of(events, "delta") if value["variant"] == variant]
        assert "".join(said) == done[variant]["answer"]
    asked = {request["messages"][-1]["content"]: request["temperature"] for request in fake.requests}
    assert asked[f"In verse: {ASKED}"] == 0.75


async def test_cases_are_each_answered_by_each_variant(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    cases = [{"question": f"Question {n}?"} for n in range(5)]
    variants = [{"recipe": "base"}, {"recipe": "prompted"}]
    events = await play(http, variants=variants, cases=cases, at_once=2)
    assert {(value["variant"], value["case"]) for value in of(events, "done")} == {
        (variant, case) for variant in (0, 1) for case in range(5)
    }
    assert len(fake.requests) == 10


async def test_a_variant_that_cannot_run_says_so_and_the_others_run(http: httpx.AsyncClient) -> None:
    variants = [
        {"recipe": "nosuch"},
        {"recipe": "base", "text": "{{ ''.__class__ }}"},
        {"recipe": "base", "changes": {"model": "nosuch"}},
        {"recipe": "base"},
    ]
    events = await play(http, variants=variants, question=ASKED)
    errors = {value["variant"]: value["error"]["type"] for value in of(events, "error")}
    assert errors == {0: "not_found_error", 1: "invalid_prompt_error", 2: "invalid_request_error"}
    assert [value["variant"] for value in of(events, "done")] == [3]


async def test_an_engine_that_breaks_off_is_the_error_of_its_variant(http, fake) -> None:
    fake.plays = [cut_after("Half"), say("whole")]
    events = await play(http, variants=[{"recipe": "base"}, {"recipe": "base"}], question=ASKED, at_once=1)
    assert [value["error"]["type"] for value in of(events, "error")] == ["engine_failed_error"]
    assert [value["answer"] for value in of(events, "done")] == ["whole"]


async def test_nothing_of_the_playground_is_kept(http: httpx.AsyncClient) -> None:
    from sqlalchemy import func, select

    from tandem.store.schema import traces

    await play(http, variants=[{"recipe": "rag"}], question=ASKED)
    with http.services.store._reading() as connection:
        assert connection.execute(select(func.count()).select_from(traces)).scalar() == 0


async def test_at_most_so_many_answers_at_once(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    running = most = 0
    real = fake.plays[0]

    def counted(handler: object) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        fake.ended.wait(0.05)
        real(handler)
        running -= 1

    fake.plays = [counted]
    await play(http, variants=[{"recipe": "base"}] * 9, question=ASKED, at_once=3)
    assert most == 3


async def test_when_the_client_leaves_the_engine_stops(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    """Over a real socket: the client in this process has no way to leave."""
    fake.plays = [endless]
    server = uvicorn.Server(uvicorn.Config(http.app, port=0, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    body = {"variants": [{"recipe": "base"}] * 3, "question": ASKED}
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        client.stream("POST", "/api/playground", json=body) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("event: delta"):
                break
    assert await asyncio.to_thread(fake.left.wait, 10)
    server.should_exit = True
    await serving


async def test_the_winner_is_saved_as_versions_of_prompt_and_recipe(http, fake) -> None:
    variant = {"recipe": "base", "text": TEXT, "changes": {"temperature": 0.75}}
    body = {"variant": variant, "name": "verse", "note": "won"}
    saved = await http.post("/api/playground/save", json=body)
    assert (saved.status_code, saved.json()["number"]) == (201, 1)
    assert (await http.post("/api/playground/save", json=body)).status_code == 200
    prompt = (await http.get("/api/prompts/verse")).json()
    assert (prompt["text"], prompt["note"], prompt["number"]) == (TEXT, "won", 1)
    events = await play(http, variants=[{"recipe": "verse"}, variant], question=ASKED)
    assert fake.requests[-1]["messages"] == fake.requests[-2]["messages"]
    assert len(of(events, "done")) == 2
    refused = await http.post("/api/playground/save", json=body | {"name": "rag"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (409, "name")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"variants": []}, 400),
        ({"variants": [{"recipe": "base"}]}, 400),
        ({"variants": [{"recipe": "base"}], "question": "a", "cases": [{"question": "b"}]}, 400),
        ({"variants": [{"recipe": "base"}], "question": "  "}, 400),
        (
            {"variants": [{"recipe": "base", "text": TEXT, "changes": {"prompt": "rag"}}], "question": "a"},
            400,
        ),
        ({"variants": [{"recipe": "base"}] * 3, "cases": [{"question": "b"}] * 1_000}, 413),
        ({"variants": [{"recipe": "base"}], "question": "a" * 100_000}, 413),
        (
            {"variants": [{"recipe": "base"}], "cases": [{"question": "b", "history": [{"role": "system"}]}]},
            400,
        ),
    ],
)
async def test_what_cannot_be_run_is_refused(http: httpx.AsyncClient, body: dict, status: int) -> None:
    response = await http.post("/api/playground", json=body)
    assert response.status_code == status, response.text
    assert response.json()["error"]["message"]
