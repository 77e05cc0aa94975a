"""Index and store out of reach: the whole application says so within its time, and is whole again by itself."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from app_client import ASKED, FACT
from fake_vllm import FakeVllm, say
from fault_proxy import FaultProxy
from postgres import Postgres
from qdrant_stand_in import stand_in
from sqlalchemy import make_url

from server.app import create_app
from tandem.breaker import Breaker
from tandem.errors import StorageError
from tandem.settings import (
    AnswerSettings,
    EngineSettings,
    IdentitySettings,
    IndexSettings,
    Settings,
    StoreSettings,
)

BODY = {"messages": [{"role": "user", "content": ASKED}]}


async def told(client: httpx.AsyncClient) -> tuple[int, str]:
    """Status and error's type of one question, which must not have taken long."""
    begun = time.monotonic()
    response = await client.post("/v1/chat/completions", json=BODY, headers={"Cache-Control": "no-store"})
    assert time.monotonic() - begun < 5
    return response.status_code, response.json().get("error", {}).get("type", "")


async def whole_way(settings: Settings, proxy: FaultProxy) -> None:
    """With the proxy sound, with each of its faults, and sound again."""
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as client,
    ):
        search = app.state.services.resilience
        search.search = Breaker(5, 0.0)  # every question tries
        file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
        assert (await client.post("/api/corpora/rules/documents", files=file)).status_code == 201
        while (await client.get("/readyz")).status_code != 200:
            pass
        assert await told(client) == (200, "")
        for mode in ("silent", "refuse", "garble"):
            proxy.mode = mode
            assert await told(client) == (503, "unavailable_error"), mode
        search.search = Breaker(1, 60.0)
        for _ in range(3):
            assert await told(client) == (503, "unavailable_error")
        assert not search.search.is_closed
        assert "tandem_search_breaker 1.0" in (await client.get("/metrics")).text
        proxy.mode = "pass"
        search.search = Breaker(1, 0.0)
        while (await told(client))[0] != 200:
            pass


@pytest.fixture
def settings(tmp_path: Path):
    with FakeVllm.serving() as fake:
        fake.plays = [say(FACT)]
        engine = EngineSettings(address=fake.address, retries=0)
        yield Settings(
            data_dir=tmp_path,
            engine=engine,
            answer=AnswerSettings(evidence=0.0),
            identity=IdentitySettings(required=False),
        )


async def test_a_qdrant_server_out_of_reach_is_told_within_its_time(settings: Settings) -> None:
    with stand_in() as server:
        address = urlsplit(server.url)
        with FaultProxy.before(address.hostname, address.port) as proxy:
            index = IndexSettings(url=proxy.url, timeout_s=0.3)
            await whole_way(settings.model_copy(update={"index": index}), proxy)


async def test_a_database_server_out_of_reach_is_told_within_its_time(
    settings: Settings, postgres: Postgres
) -> None:
    url = make_url(postgres.url(postgres.emptied()))
    with FaultProxy.before(url.host or "127.0.0.1", url.port or 5432) as proxy:
        there = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
        await whole_way(settings.model_copy(update={"store": StoreSettings(url=there)}), proxy)


async def test_an_embedded_index_that_cannot_be_read_is_unavailable_too(settings, monkeypatch) -> None:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as client,
    ):

        async def broken(*_: object) -> None:
            raise StorageError("The index cannot be read")

        monkeypatch.setattr(app.state.services.live.collection.index, "search_with", broken)
        for _ in range(6):
            assert await told(client) == (503, "unavailable_error")
        assert not app.state.services.resilience.search.is_closed
