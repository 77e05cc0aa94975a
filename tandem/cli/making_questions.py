"""Questions that a model makes of a corpus, for training sets and eval sets: what they need of the services."""

from collections import Counter
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.dataset.generated_file import GeneratedFile, Origin
from finetune.dataset.generating import PROMPT_VERSION, Ask, generate_questions
from finetune.dataset.questions import SourceQuestion
from server.services import Services
from tandem.cli.bar import Bar
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.opened_services import ready
from tandem.cli.output import stderr
from tandem.engine import EngineClient, EngineRouter, Sampling
from tandem.errors import NotFoundError
from tandem.prompts import Message
from tandem.settings import Settings
from tandem.store import open_store
from tandem.vocabulary import Caller

_CONNECT_S = 10.0
_TOKENS = 200


@dataclass(frozen=True, slots=True)
class Maker:
    """The model that makes questions."""

    model: str | None = None
    """The engine's base model by default."""
    address: str | None = None
    """Of an OpenAI-compatible server that has it; Tandem's own engine where there is none."""


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
