"""`tandem worker`: a process that ingests, and answers nothing but how it is."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, ProcessCollector, generate_latest

from ingest.reindexing import Reindexer
from tandem import __version__
from tandem.cli.local import local_worker
from tandem.cli.output import progress, stdout
from tandem.cli.up import log_at
from tandem.errors import SettingsError, StorageError, UnavailableError
from tandem.settings import Settings
from tandem.store import Store, open_store
from tandem.threads import in_thread


def work(settings: Settings, host: str, port: int) -> None:
    """Do jobs and re-embeddings until SIGINT or SIGTERM; what is under way is then anybody's at once.

    Raises `SettingsError` where the index is embedded, which has one owner, and what opening the parts raises.
    """
    if settings.index.url is None:
        raise SettingsError(
            "A worker beside the server needs an index that both reach",
            param="index.url",
            hint="Set index.url to a Qdrant server, and store.url to a PostgreSQL. The embedded index has one owner, "
            "the server, which ingests by itself.",
        )
    log_at(settings.log_level)
    app = _app(settings)
    config = uvicorn.Config(app, host=host, port=port, lifespan="on", access_log=False, log_level="warning")
    server = _Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(server))
    stdout.print("Stopped.")


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: it would raise them again, and the exit code would be theirs."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers as they are."""
        yield


async def _serve(server: uvicorn.Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    await server.serve()


def _app(settings: Settings) -> FastAPI:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    jobs = Gauge(
        "tandem_jobs",
        "Ingestions that have not ended, of all tenants, by state.",
        ["state"],
        registry=registry,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.store = stack.enter_context(closing(open_store(settings.store, settings.data_dir)))
            ingestor, worker = await stack.enter_async_context(local_worker(settings))
            reindexer = Reindexer(app.state.store, settings, worker.id, ingestor)
            working = [asyncio.create_task(worker.run()), asyncio.create_task(reindexer.serve())]
            progress(f"Tandem {__version__} works on jobs")
            try:
                yield
            finally:
                for task in working:
                    task.cancel()
                await asyncio.wait(working)

    app = FastAPI(title="Tandem worker", version=__version__, lifespan=lifespan, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        store: Store = app.state.store
        try:
            await in_thread(store.check)
        except (StorageError, UnavailableError) as error:
            return JSONResponse({"ready": False, "parts": {"store": error.message}}, 503)
        return JSONResponse({"ready": True, "parts": {"store": "ready"}})

    @app.get("/metrics")
    async def metrics() -> Response:
        for state, count in (await in_thread(app.state.store.unfinished_jobs)).items():
            jobs.labels(state).set(count)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app
