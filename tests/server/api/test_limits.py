"""Limits and admission over HTTP, on the whole application; the engine is a fake."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from app_client import ASKED, app_client
from fake_vllm import FakeVllm, endless, say
from served_app import served
from sqlalchemy import event

from tandem.settings import LimitSettings

CHAT = "/v1/chat/completions"


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        server.plays = [say("The gate of the Quorvex depot ", "closes at seven in the evening.")]
        yield server


def body(**more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": ASKED}], **more}


async def test_over_the_limit_a_key_is_told_when_to_come_again(fake: FakeVllm, tmp_path: Path) -> None:
    async with app_client(fake, tmp_path, limits=LimitSettings(requests_per_minute=3)) as http:
        whole = await http.post(CHAT, json=body())
        streamed = await http.post(CHAT, json=body(stream=True))
        assert (await http.post("/api/retrieve", json={"query": ASKED})).status_code == 200
        refused = await http.post(CHAT, json=body())
        assert (await http.post("/api/retrieve", json={"query": ASKED})).status_code == 429
        page = (await http.get("/metrics")).text
    for answered, left in ((whole, "2"), (streamed, "1")):
        assert answered.status_code == 200
        assert answered.headers["x-ratelimit-limit-requests"] == "3"
        assert answered.headers["x-ratelimit-remaining-requests"] == left
        assert int(answered.headers["x-ratelimit-remaining-tokens"]) > 0
    assert refused.status_code == 429
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert 'tandem_refused_total{reason="key_requests"} 2.0' in page


async def test_what_an_answer_took_counts_and_not_what_it_might_have_taken(
    fake: FakeVllm, tmp_path: Path
) -> None:
    limits = LimitSettings(tokens_per_minute=5_000)
    async with app_client(fake, tmp_path, limits=limits) as http:
        for n in range(4):
            response = await http.post(CHAT, json=body(max_tokens=500))
            assert response.status_code == 200
            left = int(response.headers["x-ratelimit-remaining-tokens"])
            # This one's is set aside; those before took 9 tokens each, as the engine says.
            assert 2_500 <= left + n * 9 <= 3_500


async def test_a_full_server_refuses_at_once_and_asks_neither_database_nor_index(
    fake: FakeVllm, tmp_path: Path
) -> None:
    fake.plays = [endless]
    limits = LimitSettings(running=1, queue=0)
    async with app_client(fake, tmp_path, limits=limits) as http:
        first = asyncio.create_task(http.post(CHAT, json=body(model="tandem:base", max_tokens=3_000)))
        while not fake.requests:
            await asyncio.sleep(0.01)
        asked: list[str] = []
        engine = http.services.store._engine
        event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
        refused = await http.post(CHAT, json=body())
        took = list(asked)
        assert (await http.get("/api/corpora")).status_code == 200
        assert len(asked) > len(took), "what asks is seen"
        first.cancel()
        await asyncio.wait([first])
    assert refused.status_code == 503
    assert refused.json()["error"]["type"] == "overloaded_error"
    assert int(refused.headers["retry-after"]) >= 1
    # What follows the recipes and the jobs may have asked meanwhile.
    assert not [one for one in took if "versions" in one or "traces" in one]


async def test_the_playground_is_limited_as_chats_are(fake: FakeVllm, tmp_path: Path) -> None:
    async with app_client(fake, tmp_path, limits=LimitSettings(requests_per_minute=2)) as http:
        variants = [{"recipe": "rag"}, {"recipe": "base"}, {"recipe": "prompted"}]
        played = await http.post("/api/playground", json={"variants": variants, "question": ASKED})
    events = [block.split("\ndata: ") for block in played.text.strip().split("\n\n")]
    named = [name.removeprefix("event: ") for name, _ in events]
    assert (named.count("done"), named.count("error")) == (2, 1)
    error = next(json.loads(value) for name, value in events if name == "event: error")
    assert error["error"]["type"] == "rate_limit_error"


async def test_one_that_leaves_the_queue_lets_the_next_one_in(fake: FakeVllm, tmp_path: Path) -> None:
    fake.plays = [endless, say("Hello")]
    limits = LimitSettings(running=1, queue=1)
    asked = body(model="tandem:base", max_tokens=3_000)
    with served(fake, tmp_path, limits) as url:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as http:
            first = asyncio.create_task(http.post(CHAT, json=asked))
            while not fake.requests:
                await asyncio.sleep(0.01)
            waiting = asyncio.create_task(http.post(CHAT, json=asked))
            while (await http.get("/metrics")).text.find('queued{class="interactive"} 1.0') < 0:
                await asyncio.sleep(0.01)
            assert (await http.post(CHAT, json=asked)).status_code == 503
            waiting.cancel()
            await asyncio.wait([waiting])
            while (await http.get("/metrics")).text.find('queued{class="interactive"} 0.0') < 0:
                await asyncio.sleep(0.01)
            last = asyncio.create_task(http.post(CHAT, json=asked))
            first.cancel()
            await asyncio.wait([first])
            assert (await last).json()["choices"][0]["message"]["content"] == "Hello"
    assert len(fake.requests) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": [{"role": "system", "content": "x" * 500}, {"role": "user", "content": "Why?"}]},
        {"messages": [{"role": "user", "content": "Why?"}], "stop": ["x" * 501]},
        {"messages": [{"role": "user", "content": "Why?"}], "seed": 10**40},
        {"messages": [{"role": "user", "content": "Why?"}], "model": "x" * 300},
        {"messages": [{"role": "user", "content": "Why?"}], "max_tokens": 10**9},
    ],
    ids=["conversation", "stop", "seed", "model", "max_tokens"],
)
async def test_what_one_request_may_ask_for_is_capped(fake: FakeVllm, tmp_path: Path, wrong) -> None:
    limits = LimitSettings(conversation_chars=400)
    async with app_client(fake, tmp_path, documents=False, limits=limits) as http:
        response = await http.post(CHAT, json={"model": "tandem:base", **wrong})
    assert response.status_code in (400, 413)
    assert fake.requests == []
