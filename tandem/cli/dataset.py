"""`tandem finetune dataset`: a training set from questions, from feedback, or made of the corpus by a model."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

from rich.markup import escape

from finetune.dataset.build import TrainingSet, build_set
from finetune.dataset.card import Card, as_markdown, make_card
from finetune.dataset.feedback import STORE
from finetune.dataset.folder import TRAIN, VALIDATION, check_free, hash_of, new_folder
from finetune.dataset.leaks import EvalSet, read_eval_set
from finetune.dataset.options import Options
from finetune.dataset.questions import SourceQuestion, read_questions
from finetune.examples import write_examples
from tandem.cli.bar import Bar
from tandem.cli.dataset_serving import RecipeServing
from tandem.cli.making_questions import Maker, check_corpus, made_questions
from tandem.cli.opened_services import opened_services
from tandem.cli.output import print_json, stderr, stdout
from tandem.cli.voted import voted_questions
from tandem.errors import InvalidRequestError
from tandem.settings import Settings


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
    asked = _read(settings, wish)
    check_corpus(settings, wish.corpus)
    card = asyncio.run(_make(settings, wish, options, source, asked, held, as_json=as_json))
    if as_json:
        print_json(card.model_dump(mode="json"))
    else:
        _print(card, wish.out)


def _read(settings: Settings, wish: Wish) -> _Asked | None:
    """The questions of a file or of the store; `None` where a model is to make them."""
    if wish.questions is not None:
        return _Asked(read_questions(wish.questions)[: wish.limit], Counter())
    if wish.feedback is not None:
        questions, dropped = voted_questions(settings, wish.feedback)
        return _Asked(questions[: wish.limit], dropped)
    return None


async def _make(
    settings: Settings,
    wish: Wish,
    options: Options,
    source: str,
    asked: _Asked | None,
    held: Sequence[EvalSet],
    *,
    as_json: bool,
) -> Card:
    own_engine = asked is None and wish.model_address is None
    kept = wish.out.with_name(f"{wish.out.name}.generated.jsonl")
    async with opened_services(settings, with_engine=own_engine, judging=True) as services:
        serving = RecipeServing(
            services,
            wish.corpus,
            wish.recipe,
            passages=wish.passages,
            context_tokens=wish.context_tokens,
            seed=options.seed,
        )
        if asked is None:
            maker = Maker(wish.model, wish.model_address)
            found, dropped = await made_questions(
                services, maker, serving, wish.corpus, wish.generate or 0, options.seed, kept
            )
            asked = _Asked(found, dropped)
        with Bar("Examples", hidden=as_json or not stderr.is_terminal, unit="examples") as bar:
            made = await build_set(
                asked.questions,
                held,
                serving,
                options,
                lambda done, total: bar.move(done, total, done),
                leaking=wish.leaking,
            )
        files = (wish.questions, wish.feedback, *wish.against)
        inputs = [file for file in files if file is not None and file != STORE]
        with new_folder(wish.out) as folder:
            if source == "generated":
                copyfile(kept, folder / "generated.jsonl")
            # Not on a thread: Ctrl-C would leave one that writes on into a folder that is being removed.
            card = _write(folder, made, serving, options, wish, source, asked, inputs)
    if source == "generated":
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
        inputs={str(file): hash_of(file) for file in inputs},
    )
    (folder / "card.json").write_text(card.model_dump_json(indent=2) + "\n", "utf-8")
    (folder / "card.md").write_text(as_markdown(card), "utf-8")
    return card


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
