"""Questions that a model makes of a corpus, for training sets and eval sets: what they need of the services."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.dataset.generated_file import GeneratedFile, Origin
from finetune.dataset.generating import PROMPT_VERSION, Ask, generate_questions
from finetune.dataset.questions import SourceQuestion
from server.calibration import read_calibration
from server.opening import open_services
from server.services import Services
from tandem.cli.bar import Bar
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.output import progress, stderr
from tandem.engine import EngineClient, EngineRouter, EngineState, Sampling
from tandem.errors import EngineUnavailableError, NotFoundError
from tandem.models import prepare_model
from tandem.prompts import Message
from tandem.settings import Settings
from tandem.store import open_store
from tandem.threads import in_thread
from tandem.tokens import load_tokens
from tandem.vocabulary import Caller

_NO_ENGINE = "http://127.0.0.1:9"
"""The discard port: nobody answers there, and no vLLM is started for what needs none."""
_CONNECT_S = 10.0
_TOKENS = 200


@dataclass(frozen=True, slots=True)
class Maker:
    """The model that makes questions."""

    model: str | None = None
    """The engine's base model by default."""
    address: str | None = None
    """Of an OpenAI-compatible server that has it; Tandem's own engine where there is none."""


@asynccontextmanager
async def opened_services(settings: Settings, *, with_engine: bool) -> AsyncIterator[Services]:
    """The services; where nothing is asked of it, without an engine, but with its model's tokens.

    A calibration that weighs what the model says of a question has it asked, and then it is ready.
    """
    async with AsyncExitStack() as stack:
        judges = read_calibration(settings.answer.calibration).model == settings.engine.model
        if with_engine or judges or settings.engine.address is not None:
            services, *_ = await open_services(settings, stack, progress)
            if judges:
                await ready(services)
            yield services
            return
        engine = settings.engine.model_copy(update={"address": _NO_ENGINE})
        services, *_ = await open_services(settings.model_copy(update={"engine": engine}), stack, progress)
        folder = await in_thread(prepare_model, settings.engine.model, settings.data_dir, progress)
        yield replace(services, settings=settings, tokens=await in_thread(load_tokens, folder))


def check_corpus(settings: Settings, corpus: str) -> None:
    """Before anything is loaded. Raises `NotFoundError`."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        known = [each.name for each in store.corpora(Caller())]
    if corpus not in known:
        raise NotFoundError(
            f"There is no corpus {corpus!r}",
            param="corpus",
            hint=f"Known: {', '.join(known)}." if known else "Ingest one: tandem ingest PATH --corpus NAME",
        )


async def made_questions(
    services: Services,
    maker: Maker,
    serving: RecipeServing,
    corpus: str,
    wanted: int,
    seed: int,
    kept: Path,
) -> tuple[list[SourceQuestion], Counter[str]]:
    """At most `wanted` questions, and how many others were dropped, by why; what was written stays in `kept`.

    Raises `EngineUnavailableError`, `EngineFailedError`, and `ConflictError` where `kept` is of another origin.
    """
    model = maker.model or services.settings.engine.served_name
    origin = Origin(corpus, model, PROMPT_VERSION)
    async with AsyncExitStack() as stack:
        client: EngineClient | EngineRouter = services.client
        if maker.address is not None:
            # Nobody waits for one question: many at once may each wait for their connection.
            patient = {"address": maker.address, "connect_timeout_s": _CONNECT_S}
            engine = services.settings.engine.model_copy(update=patient)
            client = EngineClient(maker.address, engine)
            stack.push_async_callback(client.close)
        else:
            await ready(services)
        file = stack.enter_context(GeneratedFile(kept, origin))
        bar = stack.enter_context(Bar("Questions", hidden=not stderr.is_terminal, unit="questions"))
        return await generate_questions(
            wanted,
            serving,
            asking(client, model),
            file,
            seed,
            lambda done, total: bar.move(done, total, done),
        )


def asking(client: EngineClient | EngineRouter, model: str, most_tokens: int = _TOKENS) -> Ask:
    """Asks a model for JSON, with the likeliest tokens."""

    async def ask(messages: list[Message], response_format: dict[str, Any]) -> str:
        sampling = Sampling(max_tokens=most_tokens)
        return "".join(
            [delta.text async for delta in client.chat(messages, model, sampling, response_format)]
        )

    return ask


async def ready(services: Services) -> None:
    """Return when the engine serves.

    Raises `EngineUnavailableError` when it has given up, or does not serve within the time that a start may take.
    """
    progress("Waiting for the engine")
    settings = services.settings.engine
    clock = asyncio.get_running_loop().time
    last_at = clock() + settings.start_timeout_s
    while services.engine.state is not EngineState.READY:
        if clock() > last_at:
            raise EngineUnavailableError(
                f"The engine does not serve after {settings.start_timeout_s:.0f} s",
                hint="Is it at engine.address? engine.start_timeout_s is how long it may take.",
            )
        if services.engine.state is EngineState.FAILED:
            raise EngineUnavailableError(
                "The engine has failed, and is asked here", hint="See logs/engine.log in the data folder."
            )
        await asyncio.sleep(0.2)
