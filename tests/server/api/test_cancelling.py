"""A client that leaves, over a real socket: the engine's request is aborted, and nothing is left running."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from fake_vllm import FakeVllm, endless
from served_app import put, served

BODY = {"messages": [{"role": "user", "content": "When does the gate close?"}], "max_tokens": 3_000}


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


@pytest.fixture(scope="module")
def url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(fake, tmp_path_factory.mktemp("data")) as address:
        put(address, "gate.md", "# Rules\n\nThe gate closes at seven in the evening.\n", "rules")
        yield address


@pytest.mark.parametrize("model", ["tandem:base", "tandem:rag"])
@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_client_that_leaves_stops_the_engine(
    url: str, fake: FakeVllm, stream: bool, model: str
) -> None:
    fake.plays, asked = [endless], len(fake.requests)
    fake.left.clear()
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        body = BODY | {"stream": stream, "model": model}
        asking = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        while len(fake.requests) == asked:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert not fake.left.is_set()
        asking.cancel()
        await asyncio.wait([asking])
        assert await asyncio.to_thread(fake.left.wait, 5)


async def test_one_that_leaves_before_the_engine_is_asked_never_reaches_it(url: str, fake: FakeVllm) -> None:
    """Many leave while they are embedded or searched for; the others are served as ever."""
    fake.plays, asked = [endless], len(fake.requests)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        leaving = [
            asyncio.create_task(http.post("/v1/chat/completions", json=BODY | {"stream": False}))
            for _ in range(16)
        ]
        await asyncio.sleep(0.005)
        for task in leaving:
            task.cancel()
        await asyncio.wait(leaving)
        found = await http.post("/api/retrieve", json={"query": "When does the gate close?"})
        assert found.json()["passages"]
    # Whoever got as far as the engine has left it again.
    assert len(fake.requests) == asked or await asyncio.to_thread(fake.left.wait, 5)
