"""`tandem finetune dataset`: a training set from questions, from feedback, or made of the corpus by a model."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile
from typing import Any

from rich.markup import escape

from finetune.dataset.build import TrainingSet, build_set
from finetune.dataset.card import Card, as_markdown, make_card
from finetune.dataset.feedback import read_feedback
from finetune.dataset.folder import TRAIN, VALIDATION, check_free, hash_of, new_folder
from finetune.dataset.generated_file import GeneratedFile, Origin
from finetune.dataset.generating import PROMPT_VERSION, Ask, generate_questions
from finetune.dataset.leaks import read_eval_set
from finetune.dataset.options import Options
from finetune.dataset.questions import SourceQuestion, read_questions
from finetune.examples import write_examples
from server.answering.types import ABSTENTION
from server.app import open_services
from server.services import Services
from tandem.cli.bar import Bar
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.output import print_json, progress, stderr, stdout
from tandem.engine import EngineClient, EngineState, Sampling
from tandem.errors import EngineUnavailableError, InvalidRequestError, NotFoundError
from tandem.models import prepare_model
from tandem.prompts import Message
from tandem.settings import Settings
from tandem.store import open_store
from tandem.threads import in_thread
from tandem.tokens import load_tokens
from tandem.vocabulary import Caller

_NO_ENGINE = "http://127.0.0.1:9"
"""The discard port: nobody answers there, and no vLLM is started for what needs none."""
_TOKENS = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; one of the first three."""

    out: Path
    corpus: str
    questions: Path | None = None
    feedback: Path | None = None
    generate: int | None = None
    against: tuple[Path, ...] = ()
    leaking: str = "refuse"
    recipe: str | None = None
    passages: int | None = None
    context_tokens: int | None = None
    model: str | None = None
    """Name of the model that makes questions."""
    model_address: str | None = None
    """Of an OpenAI-compatible server that has it; Tandem's own engine where there is none."""
    limit: int | None = None
    """Only the first so many questions."""

    @property
    def source(self) -> str:
        """Where the questions come from. Raises `InvalidRequestError` unless one thing is named."""
        named = [name for name in ("questions", "feedback", "generate") if getattr(self, name) is not None]
        if len(named) != 1:
            raise InvalidRequestError(
                "Name where the questions come from: one of --questions, --feedback, --generate",
                param="questions",
            )
        return "generated" if named[0] == "generate" else named[0]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The questions, and how many more there were, by why they are none."""

    questions: Sequence[SourceQuestion]
    not_taken: Counter[str]


def make_dataset(settings: Settings, wish: Wish, options: Options, *, as_json: bool) -> None:
    """Make the set, write it to `wish.out`, and print its counts.

    Raises, with nothing written, what `build_set`, the readers and the engine raise.
    """
    source = wish.source
    check_free(wish.out)
    held = [read_eval_set(file) for file in wish.against]
    asked = _read(wish)
    _check_corpus(settings, wish.corpus)
    card = asyncio.run(_make(settings, wish, options, source, asked, held, as_json=as_json))
    if as_json:
        print_json(card.model_dump(mode="json"))
    else:
        _print(card, wish.out)


def _read(wish: Wish) -> _Asked | None:
    """The questions of a file; `None` where a model is to make them."""
    if wish.questions is not None:
        return _Asked(read_questions(wish.questions)[: wish.limit], Counter())
    if wish.feedback is not None:
        questions, dropped = read_feedback(wish.feedback, ABSTENTION)
        return _Asked(questions[: wish.limit], dropped)
    return None


async def _make(
    settings: Settings,
    wish: Wish,
    options: Options,
    source: str,
    asked: _Asked | None,
    held: Sequence[Any],
    *,
    as_json: bool,
) -> Card:
    own_engine = asked is None and wish.model_address is None
    kept = wish.out.with_name(f"{wish.out.name}.generated.jsonl")
    async with _opened(settings, with_engine=own_engine) as services:
        serving = RecipeServing(
            services,
            wish.corpus,
            wish.recipe,
            passages=wish.passages,
            context_tokens=wish.context_tokens,
            seed=options.seed,
        )
        if asked is None:
            asked = await _generated(services, wish, serving, options, kept)
        with Bar("Examples", hidden=as_json or not stderr.is_terminal, unit="examples") as bar:
            made = await build_set(
                asked.questions,
                held,
                serving,
                options,
                lambda done, total: bar.move(done, total, done),
                leaking=wish.leaking,
            )
        inputs = [file for file in (wish.questions, wish.feedback, *wish.against) if file is not None]
        with new_folder(wish.out) as folder:
            if source == "generated":
                copyfile(kept, folder / "generated.jsonl")
            card = await in_thread(_write, folder, made, serving, options, wish, source, asked, inputs)
    kept.unlink(missing_ok=True)
    return card


def _write(
    folder: Path,
    made: TrainingSet,
    serving: RecipeServing,
    options: Options,
    wish: Wish,
    source: str,
    asked: _Asked,
    inputs: Sequence[Path],
) -> Card:
    train, validation = folder / TRAIN, folder / VALIDATION
    write_examples(train, made.train)
    write_examples(validation, made.validation)
    card = make_card(
        made,
        serving,
        options,
        data_hash=hash_of(train, validation),
        outputs={file.name: hash_of(file) for file in (train, validation)},
        source=source,
        corpus=wish.corpus,
        recipe=serving.facts(),
        not_taken=dict(asked.not_taken),
        leaking=wish.leaking,
        inputs={file.name: hash_of(file) for file in inputs},
    )
    (folder / "card.json").write_text(card.model_dump_json(indent=2) + "\n", "utf-8")
    (folder / "card.md").write_text(as_markdown(card), "utf-8")
    return card


@asynccontextmanager
async def _opened(settings: Settings, *, with_engine: bool) -> AsyncIterator[Services]:
    """The services; where no question is asked of it, without an engine, but with its model's tokens."""
    async with AsyncExitStack() as stack:
        if with_engine or settings.engine.address is not None:
            services, *_ = await open_services(settings, stack, progress)
            yield services
            return
        engine = settings.engine.model_copy(update={"address": _NO_ENGINE})
        services, *_ = await open_services(settings.model_copy(update={"engine": engine}), stack, progress)
        folder = await in_thread(prepare_model, settings.engine.model, settings.data_dir, progress)
        yield replace(services, settings=settings, tokens=await in_thread(load_tokens, folder))


def _check_corpus(settings: Settings, corpus: str) -> None:
    """Before anything is loaded. Raises `NotFoundError`."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        known = [each.name for each in store.corpora(Caller())]
    if corpus not in known:
        raise NotFoundError(
            f"There is no corpus {corpus!r}",
            param="corpus",
            hint=f"Known: {', '.join(known)}." if known else "Ingest one: tandem ingest PATH --corpus NAME",
        )


async def _generated(
    services: Services, wish: Wish, serving: RecipeServing, options: Options, kept: Path
) -> _Asked:
    model = wish.model or services.settings.engine.served_name
    origin = Origin(wish.corpus, model, PROMPT_VERSION)
    async with AsyncExitStack() as stack:
        client = services.client
        if wish.model_address is not None:
            engine = services.settings.engine.model_copy(update={"address": wish.model_address})
            client = EngineClient(wish.model_address, engine)
            stack.push_async_callback(client.close)
        else:
            await _ready(services)
        file = stack.enter_context(GeneratedFile(kept, origin))
        bar = stack.enter_context(Bar("Questions", hidden=not stderr.is_terminal, unit="questions"))
        try:
            found, dropped = await generate_questions(
                wish.generate or 0,
                serving,
                _asking(client, model),
                file,
                options.seed,
                lambda done, total: bar.move(done, total, done),
            )
        except* EngineUnavailableError as group:
            raise group.exceptions[0] from None
    return _Asked(found, dropped)


def _asking(client: EngineClient, model: str) -> Ask:
    async def ask(messages: list[Message], response_format: dict[str, Any]) -> str:
        sampling = Sampling(max_tokens=_TOKENS)
        return "".join(
            [delta.text async for delta in client.chat(messages, model, sampling, response_format)]
        )

    return ask


async def _ready(services: Services) -> None:
    """Return when the engine serves. Raises `EngineUnavailableError` when it has given up."""
    progress("Waiting for the engine")
    while services.engine.state is not EngineState.READY:
        if services.engine.state is EngineState.FAILED:
            raise EngineUnavailableError(
                "The engine has failed, and questions are made by it",
                hint="See logs/engine.log in the data folder, or name another with --model-address.",
            )
        await asyncio.sleep(0.2)


def _print(card: Card, out: Path) -> None:
    for name, part in (("train", card.train), ("validation", card.validation)):
        kinds = ", ".join(f"{many} {kind}" for kind, many in part.kinds.items() if many)
        stdout.print(
            f"{name:<11} {part.examples} examples ({kinds}) of {part.documents} documents; "
            f"prompts {part.prompt_tokens.mean:.0f} tokens, longest {part.prompt_tokens.longest}"
        )
    found = card.searches["train"]
    stdout.print(
        f"retriever   found the answer to {found.answer_among_the_passages} of {found.questions} questions"
    )
    for why, many in {**card.not_taken, **found.dropped}.items():
        stdout.print(f"left out    {many}: {escape(why)}")
    if card.leaking != "none":
        stdout.print(f"leaks       {card.leaking}; see the card")
    stdout.print(f"written     {escape(str(out))}, data hash {card.data_hash[:16]}")
