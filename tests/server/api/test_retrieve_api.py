"""Passages alone, on the whole application: as the recipe finds them for its answers; the engine is a fake."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from app_client import ASKED, app_client
from fake_vllm import FakeVllm, refuse, say

FAR = "Zorbium melts at nine hundred degrees."
WORDING = "At how many degrees does Zorbium melt?"


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture
async def http(fake: FakeVllm, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with app_client(fake, tmp_path) as client:
        for number in range(4):
            await put(client, f"{number}.md", f"The Quorvex gate number {number} is closed by its keeper.")
        await put(client, "far.md", FAR)
        yield client


async def put(http: httpx.AsyncClient, name: str, text: str) -> None:
    reply = await http.post("/api/corpora/rules/documents", files={"file": (name, text.encode())})
    assert reply.status_code == 201, reply.text


async def expanding(http: httpx.AsyncClient, expand: str) -> str:
    changes = {"retrieval": {"rewriting": {"expand": expand}}}
    reply = await http.post("/api/recipes", json={"name": expand, "from": "rag", "changes": changes})
    assert reply.status_code == 201, reply.text
    return f"tandem:{expand}"


async def found(http: httpx.AsyncClient, **more: object) -> list[str]:
    reply = await http.post("/api/retrieve", json={"query": ASKED, "passages": 3, **more})
    assert reply.status_code == 200, reply.text
    return [one["uri"] for one in reply.json()["passages"]]


@pytest.mark.parametrize("expand", ["multi_query", "hyde"])
async def test_a_recipe_that_searches_for_more_does_so_without_an_answer_too(
    http: httpx.AsyncClient, fake: FakeVllm, expand: str
) -> None:
    plain = await found(http)
    assert (len(plain), "far.md" in plain, fake.requests) == (3, False, [])
    model = await expanding(http, expand)
    fake.plays = [say(WORDING)]
    assert "far.md" in await found(http, model=model)
    assert len(fake.requests) == 1
    fake.plays = [refuse(500, {"error": {"message": "broken"}})]
    assert await found(http, model=model) == plain


async def test_what_the_engine_writes_for_a_search_counts_among_the_tokens(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    model = await expanding(http, "hyde")
    fake.plays = [say(WORDING)]
    left = []
    for wanted in ("tandem:rag", model, "tandem:rag"):
        reply = await http.post("/api/retrieve", json={"query": ASKED, "model": wanted})
        left.append(int(reply.headers["x-ratelimit-remaining-tokens"]))
    assert left[0] > left[2]


async def test_a_recipe_without_retrieval_is_refused(http: httpx.AsyncClient) -> None:
    reply = await http.post("/api/retrieve", json={"query": ASKED, "model": "tandem:base"})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "model"
