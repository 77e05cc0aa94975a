"""The whole application in this process, with real parts; the engine alone is a fake."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fake_vllm import FakeVllm

from server.app import create_app
from tandem.settings import AnswerSettings, DriftSettings, EngineSettings, Settings

FACT = "The gate of the Quorvex depot closes at seven in the evening."
ASKED = "When does the Quorvex gate close?"


@asynccontextmanager
async def app_client(
    fake: FakeVllm,
    data_dir: Path,
    *,
    documents: bool = True,
    drift: DriftSettings | None = None,
    **engine: object,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a started application; with `documents`, there is one that holds FACT."""
    settings = EngineSettings.model_validate({"address": fake.address, "retries": 0, **engine})
    answering = AnswerSettings(evidence=0.2)
    watched = drift or DriftSettings()
    app = create_app(Settings(data_dir=data_dir, engine=settings, answer=answering, drift=watched))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as client,
    ):
        client.app, client.services = app, app.state.services
        if documents:
            file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
            assert (await client.post("/api/corpora/rules/documents", files=file)).status_code == 201
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
        yield client
