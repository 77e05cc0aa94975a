"""The application of one server process: its routes, and what runs while it does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from ingest.api import documents_router, ingestions_router, reindexing_router, removals_router
from ingest.jobs import say_alive
from server.api import (
    adapter_files,
    adapters,
    alerts,
    audit,
    backup,
    chat,
    corpora,
    drift,
    evidence,
    experiments,
    feedback,
    health,
    interventions,
    keys,
    models,
    monitoring,
    playground,
    prompts,
    recipes,
    retrieve,
    served_adapters,
    traces,
)
from server.api.description import ERRORS, describe_keys
from server.api.errors import install_error_responses
from server.api.gate import Gate
from server.api.guard import Guard
from server.api.identity import admin_of, ingester_of, operator_of, reader_of
from server.experiments.shadowing import Shadowing
from server.experiments.tending import follow_experiments
from server.opening import Report, open_services
from server.repeating import repeat
from server.services import Services
from server.steps import steps_of
from server.web import web_router
from tandem import __version__
from tandem.settings import Settings

_MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request that is not an upload; a conversation at its limits is well below."""


def create_app(settings: Settings, report: Report = lambda step: None) -> FastAPI:
    """The application. `report` gets a line for each long step of the start."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            services, ingestor, worker, reindexer = await open_services(settings, stack, report)
            app.state.services = services
            app.state.ingestor = ingestor
            max_bytes = int(settings.ingest.max_file_mb * 1024 * 1024)
            app.include_router(documents_router(ingestor, services.store, ingester_of, max_bytes, reader_of))
            app.include_router(ingestions_router(services.store, worker, ingester_of, settings.ingest))
            app.include_router(removals_router(ingestor, services.store, ingester_of, admin_of))
            app.include_router(reindexing_router(services.store, settings, operator_of))
            await follow_experiments(services)
            shadowing = Shadowing(services)
            doing = worker.run() if settings.ingest.in_server else say_alive(services.store, worker.id)
            jobs = [asyncio.create_task(doing), asyncio.create_task(reindexer.serve())]
            working = [
                *jobs,
                asyncio.create_task(_release(jobs, services)),
                asyncio.create_task(shadowing.run()),
                *(
                    asyncio.create_task(repeat(step, failed, every))
                    for step, failed, every in steps_of(services, stack)
                ),
            ]
            try:
                yield
            finally:
                for task in working:
                    task.cancel()
                await asyncio.wait(working)

    app = FastAPI(
        title="Tandem",
        version=__version__,
        description="Answers over your own documents, cited and measured.",
        lifespan=lifespan,
        responses=ERRORS,
    )
    describe_keys(app)
    app.add_middleware(Guard)
    app.add_middleware(
        Gate,
        loopback_only=not settings.server.allow_remote,
        max_body=_MAX_BODY,
        uploads=("/api/corpora/", adapter_files.PREFIX),
    )
    install_error_responses(app)
    for resource in (
        chat,
        retrieve,
        models,
        corpora,
        drift,
        evidence,
        experiments,
        prompts,
        recipes,
        adapters,
        adapter_files,
        served_adapters,
        playground,
        audit,
        backup,
        keys,
        feedback,
        traces,
        monitoring,
        alerts,
        interventions,
        health,
    ):
        app.include_router(resource.router)
    app.include_router(web_router())
    return app


async def _release(jobs: Sequence[asyncio.Task[None]], services: Services) -> None:
    """Let go of jobs as soon as the server is going to stop: another process goes on with them at once."""
    await services.resilience.drain.begun.wait()
    for job in jobs:
        job.cancel()
