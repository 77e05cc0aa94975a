"""The whole application in this process, with real parts; the engine alone is a fake."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fake_vllm import FakeVllm

from server.app import create_app
from tandem.keys import KeyWish, create_key
from tandem.settings import (
    AnswerSettings,
    DriftSettings,
    EngineSettings,
    IdentitySettings,
    LimitSettings,
    Settings,
    TraceSettings,
)
from tandem.threads import in_thread
from tandem.vocabulary import Caller, KeyScope

FACT = "The gate of the Quorvex depot closes at seven in the evening."
ASKED = "When does the Quorvex gate close?"


@asynccontextmanager
async def app_client(
    fake: FakeVllm,
    data_dir: Path,
    *,
    documents: bool = True,
    limits: LimitSettings | None = None,
    traces: TraceSettings | None = None,
    drift: DriftSettings | None = None,
    **engine: object,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a started application that asks for no keys; with `documents`, there is one that holds FACT."""
    async with _started(
        fake, data_dir, IdentitySettings(required=False), limits, traces, drift, **engine
    ) as client:
        if documents:
            file = {"file": ("gate.md", f"# Rules\n\n{FACT}\n".encode())}
            assert (await client.post("/api/corpora/rules/documents", files=file)).status_code == 201
        yield client


@asynccontextmanager
async def app_with_keys(
    fake: FakeVllm, data_dir: Path, identity: IdentitySettings | None = None, **engine: object
) -> AsyncIterator[httpx.AsyncClient]:
    """A client, without credentials, of a started application that asks for keys, as it does by default.

    `client.make_key(*scopes, tenant=..., groups=...)` gives the text of a new key.
    """
    async with _started(fake, data_dir, identity or IdentitySettings(), **engine) as client:

        async def make_key(
            *scopes: KeyScope, tenant: str = "default", groups: Sequence[str] = ("*",), name: str = "test"
        ) -> str:
            wish = KeyWish(name, frozenset(scopes), tenant, tuple(groups))
            return (await in_thread(create_key, client.services.store, Caller(), wish)).text

        client.make_key = make_key
        yield client


@asynccontextmanager
async def _started(
    fake: FakeVllm,
    data_dir: Path,
    identity: IdentitySettings,
    limits: LimitSettings | None = None,
    traces: TraceSettings | None = None,
    drift: DriftSettings | None = None,
    **engine: object,
) -> AsyncIterator[httpx.AsyncClient]:
    settings = EngineSettings.model_validate({"address": fake.address, "retries": 0, **engine})
    answer = AnswerSettings(evidence=0.2)
    app = create_app(
        Settings(
            data_dir=data_dir,
            engine=settings,
            answer=answer,
            identity=identity,
            limits=limits or LimitSettings(),
            traces=traces or TraceSettings(),
            drift=drift or DriftSettings(),
        )
    )
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", timeout=60) as client,
    ):
        client.app, client.services = app, app.state.services
        while (await client.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.05)
        yield client


def bearer(key: str) -> dict[str, str]:
    """Headers of a request with a key."""
    return {"Authorization": f"Bearer {key}"}
