"""Re-embedding by a running server: over HTTP and by the command line, while it answers and ingests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fake_vllm import FakeVllm, say

from server.app import create_app
from tandem.settings import AnswerSettings, EmbeddingSettings, EngineSettings, IdentitySettings, Settings

FACT = "The gate of the Quorvex depot closes at seven in the evening."
QUESTION = {
    "messages": [{"role": "user", "content": "When does the Quorvex gate close?"}],
    "tandem": {"corpora": ["rules"]},
}


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client,
    ):
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
        yield client


async def put(http: httpx.AsyncClient) -> httpx.Response:
    file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
    return await http.post("/api/corpora/rules/documents", files=file)


async def ended(http: httpx.AsyncClient, reindexing: str) -> dict:
    while (state := (await http.get("/api/reindex")).json())["reindexing"]["ended_at"] is None:
        assert state["reindexing"]["id"] == reindexing
        await asyncio.sleep(0.1)
    return state


async def begun(http: httpx.AsyncClient, **wanted: bool) -> str:
    response = await http.post("/api/reindex", json=wanted)
    assert response.status_code == 202, response.text
    return response.json()["id"]


async def answered(http: httpx.AsyncClient) -> bool:
    told = (await http.post("/v1/chat/completions", json=QUESTION)).json()
    return told["choices"][0]["message"]["content"] == f"{FACT} [1]"


async def test_a_server_takes_the_embedder_of_its_settings_when_it_is_told_to(tmp_path: Path) -> None:
    with FakeVllm.serving() as fake:
        fake.plays = [say("The gate of the Quorvex depot ", "closes at seven in the evening.")]
        before = Settings(
            data_dir=tmp_path,
            engine=EngineSettings(address=fake.address, retries=0),
            answer=AnswerSettings(evidence=0.2),
            identity=IdentitySettings(required=False),
        )
        async with served(before) as http:
            assert (await put(http)).status_code == 201
            (first,) = (await http.get("/api/reindex")).json()["collections"]
        after = before.model_copy(
            update={"embedding": EmbeddingSettings(query_prompt="query: ", document_prompt="passage: ")}
        )
        async with served(after) as http:
            assert (await http.get("/api/reindex")).json() == {"reindexing": None, "collections": [first]}
            assert await answered(http)
            state = await ended(http, await begun(http))
            assert (state["reindexing"]["state"], state["reindexing"]["chunks"]) == ("done", 1)
            new, old = state["collections"]
            assert (old["name"], old["state"]) == (first["name"], "retired")
            assert (new["state"], new["fingerprint"] == first["fingerprint"]) == ("active", False)
            assert await answered(http)
            assert (await put(http)).json()["status"] == "unchanged"
            state = await ended(http, await begun(http, back=True))
            assert state["collections"][0]["name"] == first["name"]
            assert await answered(http)
            # Another model is not named over HTTP: whoever may ask may not let a server load anything.
            assert (await http.post("/api/reindex", json={"embedder": "/etc"})).status_code in (400, 422)
