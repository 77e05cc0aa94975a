"""Wires one server process: opens its parts, mounts its routes, closes all of it in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from ingest import Ingestor
from ingest.alert_egress import open_alert_egress
from ingest.api import documents_router, ingestions_router, reindexing_router, removals_router
from ingest.beside import Beside
from ingest.jobs import JobWorker, join_workers, say_alive
from ingest.reindexing import Reindexer
from server.adapters import ServedAdapters
from server.admission import Admission, running_of
from server.alerting import Notices, Watch, act, follow_switch, look, show_gauges
from server.api import (
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
from server.calibration import mismatch, read_calibration
from server.drift.following import DomainFollower, DriftWatch
from server.drift.keeping import VectorKeeper
from server.example_set import ExampleSet
from server.experiments import LiveExperiments
from server.experiments.shadowing import Shadowing
from server.experiments.tending import follow_experiments, prepare_experiments, tend_experiments
from server.fence import open_fence
from server.following import follow_recipes, follow_tag
from server.identity import open_principals
from server.identity.keyring import FOLLOW_S
from server.limiting.counting import open_counting
from server.limiting.limiter import Limiter
from server.monitoring import Metrics
from server.repeating import repeat
from server.salting import open_salting
from server.services import Services
from server.tracing import close_tracing, open_tracing
from server.tracing.retention import sweep_traces
from server.web import web_router
from tandem import __version__
from tandem.engine import Engine, EngineRouter
from tandem.examples import read_examples
from tandem.live import open_live
from tandem.models import prepare_model
from tandem.prompts import PromptLibrary
from tandem.recipes import RecipeBook, builtin_recipes
from tandem.recipes.keeping import keep_builtin
from tandem.rerank import open_rerankers
from tandem.settings import Settings
from tandem.store import Store, open_store
from tandem.threads import in_thread
from tandem.tokens import load_tokens

_MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request that is not an upload; a conversation at its limits is well below."""
_FOLLOW_S = 0.5
_RECONCILE_S = 1.0
_SWEEP_S = 60.0
_KEEP_S = 0.5

_LOOK_S = 1.0
_ACT_S = 1.0
_GAUGES_S = 5.0

Report = Callable[[str], None]
Step = tuple[Callable[[], Awaitable[None]], str, float]
"""What is done again and again, the log's word for when it fails, and after how many seconds."""


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
            in_experiments, shadowing = settings.experiments, Shadowing(services)
            await follow_experiments(services)
            steps = [
                (lambda: follow_recipes(services), "recipes_not_followed", _FOLLOW_S),
                (lambda: follow_tag(services), "champion_adapter_not_followed", _FOLLOW_S),
                (services.principals.keyring.follow, "keys_not_followed", FOLLOW_S),
                (services.adapters.reconcile, "adapters_not_followed", _RECONCILE_S),
                *_watching(services, stack),
                (lambda: sweep_traces(services.store, settings.traces), "traces_not_swept", _SWEEP_S),
                (lambda: follow_experiments(services), "experiments_not_followed", in_experiments.follow_s),
                (lambda: prepare_experiments(services), "challengers_not_prepared", _RECONCILE_S),
                (lambda: tend_experiments(services), "experiments_not_tended", _RECONCILE_S),
                (DomainFollower(services).follow, "domains_not_followed", _FOLLOW_S),
            ]
            if settings.drift.watch:
                steps += [
                    (VectorKeeper(services).keep, "question_vectors_not_kept", _KEEP_S),
                    (DriftWatch(services).step, "drift_not_watched", settings.drift.every_s),
                ]
            doing = worker.run() if settings.ingest.in_server else say_alive(services.store, worker.id)
            jobs = [asyncio.create_task(doing), asyncio.create_task(reindexer.serve())]
            working = [
                *jobs,
                asyncio.create_task(_release(jobs, services)),
                asyncio.create_task(shadowing.run()),
                *(asyncio.create_task(repeat(step, failed, every)) for step, failed, every in steps),
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
        Gate, loopback_only=not settings.server.allow_remote, max_body=_MAX_BODY, uploads="/api/corpora/"
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


async def open_services(
    settings: Settings, stack: AsyncExitStack, report: Report
) -> tuple[Services, Ingestor, JobWorker, Reindexer]:
    """Open every part; `stack` closes them in the opposite order. The engine goes on starting by itself."""
    store = await in_thread(open_store, settings.store, settings.data_dir)
    stack.callback(store.close)
    model_dir = await _model(settings, report)
    engine = Engine(settings.engine, model_dir, settings.data_dir)
    await engine.start()
    stack.push_async_callback(engine.stop)
    report("Loading the embedder")
    live = await open_live(store, settings, report)
    stack.push_async_callback(live.close)
    me = await in_thread(join_workers, store, stack)
    ingestor = Ingestor(store, live, settings.ingest, me, Beside(store, settings), settings.limits)
    stack.push_async_callback(ingestor.close)
    repaired = await ingestor.repair()
    if repaired:
        report(f"Removed {repaired} document versions that an earlier stop had left half done")
    examples = await _examples(settings)
    calibration = await in_thread(read_calibration, settings.answer.calibration)
    if warning := mismatch(calibration, live.collection.embedder.fingerprint):
        report(warning)
    recipes_with = _recipes_with(settings, examples, calibration.digest)
    book = await in_thread(_recipes, recipes_with, store)
    watched = settings.alerts
    metrics = Metrics(recipes=watched.metric_recipes, tenants=watched.metric_tenants)
    adapters = ServedAdapters(settings, store, engine, book, model_dir, metrics)
    stack.push_async_callback(adapters.close)
    principals = open_principals(settings.identity, store)
    stack.push_async_callback(principals.keyring.close)
    tracing = await in_thread(open_tracing, settings.traces, store, metrics)
    stack.push_async_callback(close_tracing, tracing)
    rerankers = await in_thread(open_rerankers, settings.retrieval)
    stack.push_async_callback(rerankers.close)
    services = Services(
        settings=settings,
        store=store,
        live=live,
        engine=engine,
        client=EngineRouter(engine, settings.engine, adapters.has, metrics.passed_on),
        recipes=book,
        tokens=await in_thread(load_tokens, model_dir or settings.engine.tokenizer),
        metrics=metrics,
        fence=await in_thread(open_fence, settings.data_dir),
        adapters=adapters,
        principals=principals,
        admission=Admission(settings.limits, running_of(settings.limits, settings.engine), metrics),
        limiter=Limiter(settings.limits, open_counting(settings.limits.storage), metrics),
        tracing=tracing,
        experiments=LiveExperiments(book, adapters, settings.engine, metrics),
        builtin_with=lambda adapter: recipes_with(adapter).builtin,
        examples=examples,
        calibration=calibration,
        rerankers=rerankers,
        salting=await in_thread(open_salting, settings.data_dir),
    )
    stack.push_async_callback(services.resilience.writes.close)
    worker = JobWorker(store, ingestor, settings.ingest, me)
    return services, ingestor, worker, Reindexer(store, settings, me, ingestor)


async def _release(jobs: Sequence[asyncio.Task[None]], services: Services) -> None:
    """Let go of jobs as soon as the server is going to stop: another process goes on with them at once."""
    await services.resilience.drain.begun.wait()
    for job in jobs:
        job.cancel()


def _watching(services: Services, stack: AsyncExitStack) -> list[Step]:
    """The steps that watch the answers. Raises `SettingsError` for rules in a file that cannot be read."""
    settings = services.settings.alerts
    watch = Watch.of(services)
    egress = open_alert_egress(settings)
    stack.callback(egress.close)
    notices = Notices(services, egress.post)

    async def look_once() -> None:
        await look(watch)

    return [
        (look_once, "alerts_not_looked_at", min(settings.every_s, _LOOK_S)),
        (lambda: act(watch), "interventions_not_made", _ACT_S),
        (notices.send_due, "notices_not_sent", _ACT_S),
        (lambda: follow_switch(services), "switch_not_followed", _FOLLOW_S),
        (lambda: show_gauges(services), "gauges_not_set", _GAUGES_S),
    ]


async def _model(settings: Settings, report: Report) -> Path | None:
    """The model's folder; none where an engine at an address holds it."""
    if settings.engine.address:
        return None
    return await in_thread(prepare_model, settings.engine.model, settings.data_dir, report)


def _recipes_with(
    settings: Settings, examples: ExampleSet | None, calibration: str
) -> Callable[[str | None], RecipeBook]:
    """Makes the recipes of the settings, with the adapter for `tuned` and `hybrid`."""
    bundled, digest = PromptLibrary(), examples.digest if examples else None
    return lambda adapter: builtin_recipes(settings, bundled, digest, calibration, adapter)


def _recipes(made_with: Callable[[str | None], RecipeBook], store: Store) -> RecipeBook:
    """The recipes of the settings, and those that were saved. Raises `NotFoundError` where the champion is none
    of them.
    """
    book = made_with(store.champion_adapter())
    keep_builtin(book, PromptLibrary(), store)
    book.follow(store)
    return book


async def _examples(settings: Settings) -> ExampleSet | None:
    """The few-shot examples that the settings name. Raises `SettingsError` for a file that cannot be read."""
    file = settings.answer.examples
    return ExampleSet(await in_thread(read_examples, file)) if file else None
