"""A Tandem to ask: the server that runs on the data folder, or one of this process's own while a block lasts."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from server.app import create_app
from tandem.cli.credentials import headers_of
from tandem.cli.output import progress
from tandem.cli.remote import running_server
from tandem.engine import EngineState
from tandem.errors import EngineUnavailableError
from tandem.settings import Settings

_TIMEOUT = httpx.Timeout(10.0, read=600.0)
"""Seconds; an answer may wait for many others."""
_OWN = "http://127.0.0.1"


@asynccontextmanager
async def answering_server(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it, which is ready.

    Raises, where it is of this process's own, what the start of a server raises, and `EngineUnavailableError`
    where its engine gives up, or is not ready in `engine.start_timeout_s`.
    """
    async with AsyncExitStack() as stack:
        running = stack.enter_context(running_server(settings))
        if running is not None:
            yield await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=running.base_url,
                    timeout=_TIMEOUT,
                    trust_env=False,
                    headers=headers_of(settings),
                )
            )
            return
        progress("No server runs on this data folder: starting one for this alone")
        app = create_app(settings, progress)
        await stack.enter_async_context(app.router.lifespan_context(app))
        # All that a request passes but the socket.
        transport = httpx.ASGITransport(app)
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=transport,
                base_url=_OWN,
                timeout=_TIMEOUT,
                headers={"Authorization": f"Bearer {app.state.services.principals.local_key}"},
            )
        )
        deadline = time.monotonic() + settings.engine.start_timeout_s
        while (await client.get("/readyz")).status_code != httpx.codes.OK:
            if time.monotonic() > deadline:
                where = settings.engine.address or "which is started here"
                raise EngineUnavailableError(
                    f"The engine ({where}) is not ready after {settings.engine.start_timeout_s:g} s",
                    hint="Does it run? For a slow start: engine.start_timeout_s.",
                )
            if app.state.services.engine.state is EngineState.FAILED:
                raise EngineUnavailableError(
                    "The engine has failed", hint="See logs/engine.log in the data folder."
                )
            await asyncio.sleep(0.2)
        yield client
