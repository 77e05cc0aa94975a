"""Opens the parts of one server process, and wires them to each other."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from ingest import Ingestor
from ingest.beside import Beside
from ingest.jobs import JobWorker, join_workers
from ingest.reindexing import Reindexer
from server.adapters import ServedAdapters
from server.admission import Admission, running_of
from server.calibration import mismatch, read_calibration
from server.example_set import ExampleSet
from server.experiments import LiveExperiments
from server.fence import open_fence
from server.identity import open_principals
from server.limiting.counting import open_counting
from server.limiting.limiter import Limiter
from server.monitoring import Metrics
from server.salting import open_salting
from server.services import Services
from server.tracing import close_tracing, open_tracing
from tandem.engine import Engine, EngineRouter
from tandem.examples import read_examples
from tandem.later_tokens import LaterTokens, tokens_of
from tandem.live import open_live
from tandem.models import prepare_model
from tandem.prompts import PromptLibrary
from tandem.recipes import RecipeBook, builtin_recipes
from tandem.recipes.keeping import keep_builtin
from tandem.recipes.models import abstaining_at
from tandem.rerank import open_rerankers
from tandem.retrieval_profile import retrieval_profile
from tandem.settings import Settings
from tandem.store import Store, open_store
from tandem.threads import in_thread

Report = Callable[[str], None]


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
    scored_by = retrieval_profile(settings).scored_by
    if warning := mismatch(
        calibration, live.collection.embedder.fingerprint, scored_by, settings.engine.model
    ):
        report(warning)
    recipes_with = _recipes_with(settings, examples, calibration.digest, store)
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
        tokens=await in_thread(tokens_of, model_dir, settings.engine.tokenizer),
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
    if isinstance(services.tokens, LaterTokens):
        report(f"{settings.engine.tokenizer} holds no tokenizer yet: tokens are estimated until it does")
    stack.push_async_callback(services.resilience.writes.close)
    worker = JobWorker(store, ingestor, settings.ingest, me)
    return services, ingestor, worker, Reindexer(store, settings, me, ingestor)


async def _model(settings: Settings, report: Report) -> Path | None:
    """The model's folder; none where an engine at an address holds it."""
    if settings.engine.address:
        return None
    return await in_thread(prepare_model, settings.engine.model, settings.data_dir, report)


def _recipes_with(
    settings: Settings, examples: ExampleSet | None, calibration: str, store: Store
) -> Callable[[str | None], RecipeBook]:
    """Makes the recipes of the settings, with the adapter for `tuned` and `hybrid`."""
    bundled, digest = PromptLibrary(), examples.digest if examples else None
    return lambda adapter: builtin_recipes(
        settings, bundled, digest, calibration, adapter, abstaining_at(store, adapter)
    )


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
