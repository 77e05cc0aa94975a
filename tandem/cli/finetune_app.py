"""Commands of fine-tuning. What they do stands in modules of their own, imported late so that help is quick."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS

finetune_app = typer.Typer(
    no_args_is_help=True, help="Training sets, LoRA training, and proof that it is better."
)
adapters_app = typer.Typer(no_args_is_help=True, help="Adapters: registered versions of LoRA weights.")


class Missed(StrEnum):
    """What becomes of a passage that the retriever missed."""

    put = "put"
    drop = "drop"


class Style(StrEnum):
    """What the wanted answer is."""

    span = "span"
    sentence = "sentence"
    label = "label"


@finetune_app.command("dataset")
def dataset(
    out: Annotated[Path, typer.Option(help="Folder to write; it must not be there yet.")],
    corpus: Annotated[str, typer.Option(help="Corpus whose documents hold the answers.")] = DEFAULT_CORPUS,
    questions: Annotated[
        Path | None,
        typer.Option(help="Questions, JSON lines or CSV: question, answers, doc_ids, answer_start, label."),
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option(help="Voted answers, JSON lines: question, answer, documents, verdict.")
    ] = None,
    generate: Annotated[
        int | None, typer.Option(min=1, help="Have a model make so many questions of the corpus.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="Eval set that must not leak, repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Keep what leaks; the card says so.")] = False,
    drop_leaks: Annotated[
        bool, typer.Option("--drop-leaks", help="Leave out the questions that leak.")
    ] = False,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose retrieval and prompt it is for; the champion by default.")
    ] = None,
    passages: Annotated[
        int | None, typer.Option(min=1, max=50, help="Passages in a prompt; the recipe's by default.")
    ] = None,
    context_tokens: Annotated[
        int | None, typer.Option(min=64, help="Most tokens of passages; the recipe's by default.")
    ] = None,
    style: Annotated[
        Style, typer.Option(help="Wanted answer: the reference, its whole sentence, or a label alone.")
    ] = Style.span,
    unanswerable: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of prompts whose passages do not hold the answer.")
    ] = 0.25,
    closed: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of examples without passages, for the recipe tuned.")
    ] = 0.1,
    copies: Annotated[
        int, typer.Option(min=1, max=20, help="Examples of one question, each among other passages.")
    ] = 1,
    missed: Annotated[
        Missed, typer.Option(help="A passage that the retriever missed: put in, or the question dropped.")
    ] = Missed.put,
    validation: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of the questions to validate on, by document.")
    ] = 0.1,
    least: Annotated[int, typer.Option(min=1, help="Fewest examples to train on.")] = 20,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that makes questions; the engine's base model by default.")
    ] = None,
    model_address: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible server that has it, without /v1; key: engine.api_key."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same set.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Make a training set: prompts as serving makes them, with the answers that are wanted."""
    from finetune.dataset.options import Options
    from tandem.cli.dataset import Wish, make_dataset

    options = Options(
        seed=seed,
        unanswerable=unanswerable,
        closed=closed,
        copies=copies,
        validation=validation,
        missed=missed.value,
        style=style.value,
        least=least,
    )
    wish = Wish(
        out=out.absolute(),
        corpus=corpus,
        questions=questions,
        feedback=feedback,
        generate=generate,
        against=tuple(against or ()),
        leaking="keep" if force else "drop" if drop_leaks else "refuse",
        recipe=recipe,
        passages=passages,
        context_tokens=context_tokens,
        model=model,
        model_address=model_address,
        limit=limit,
    )
    make_dataset(read_settings(), wish, options, as_json=json)


@finetune_app.command("validate")
def validate(
    questions: Annotated[
        Path, typer.Argument(help="Questions, JSON lines or CSV: question, answers, doc_ids, label.")
    ],
    recipes: Annotated[
        str,
        typer.Option(help="Recipes, NAME or NAME@VERSION, by commas; the others are compared to the first."),
    ] = "rag,hybrid",
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="Ask each question once more with its documents left out.")
    ] = False,
    plain: Annotated[
        str,
        typer.Option(
            help="Two recipes without retrieval, before and after, such as base,tuned: what was forgotten?"
        ),
    ] = "",
    run: Annotated[
        Path | None, typer.Option(help="Folder of the training, whose losses and curve go into the report.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many questions.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of an answer; the recipe's by default.")
    ] = None,
    instructions: Annotated[str, typer.Option(help="Said to the model before each question.")] = "",
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Questions that are asked at a time.")] = 8,
    out: Annotated[
        Path | None, typer.Option(help="Report to write; in validations in the data folder by default.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask again what an earlier run has answers to.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Ask recipes the same questions through the running server, and say which answers better, and how surely."""
    from tandem.cli.playground import listed
    from tandem.cli.validate import Wanted
    from tandem.cli.validate import validate as validate_recipes

    wanted = Wanted(
        questions=questions,
        recipes=tuple(listed(recipes, str, "--recipes")),
        corpora=tuple(corpus or ()),
        unanswerable=unanswerable,
        plain=tuple(listed(plain, str, "--plain")),
        run=run,
        limit=limit,
        max_tokens=max_tokens,
        instructions=instructions,
        at_once=at_once,
        out=out,
        fresh=fresh,
    )
    validate_recipes(read_settings(), wanted, as_json=json)


_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AdapterLabel = Annotated[str, typer.Argument(help="NAME@NUMBER, NAME@TAG, or NAME for the newest.")]
AdapterName = Annotated[str, typer.Argument(help="Name of the adapter.")]
_BaseModel = Annotated[
    str | None, typer.Option("--base", help="Base model, written as engine.model is; that is the default.")
]
_Why = Annotated[str, typer.Option("--reason", help="Why; kept with the change.")]


@adapters_app.command("list")
def adapters_list(
    name: Annotated[str | None, typer.Argument(help="Name of the adapter; all by default.")] = None,
    json: _AsJson = False,
) -> None:
    """List the versions, the newest first."""
    from tandem.cli.adapters import list_adapters

    list_adapters(read_settings(), name, as_json=json)


@adapters_app.command("show")
def adapters_show(
    label: AdapterLabel,
    verify: Annotated[bool, typer.Option("--verify", help="Compare every byte with its hash first.")] = False,
    json: _AsJson = False,
) -> None:
    """Print the card of a version, where its files are, and what names it."""
    from tandem.cli.adapters import show_adapter

    show_adapter(read_settings(), label, verify=verify, as_json=json)


@adapters_app.command("diff")
def adapters_diff(before: AdapterLabel, after: AdapterLabel, json: _AsJson = False) -> None:
    """Print in what two versions differ: base, data, parameters, metrics, files."""
    from tandem.cli.adapters import diff_adapters

    diff_adapters(read_settings(), before, after, as_json=json)


@adapters_app.command("history")
def adapters_history(name: AdapterName, json: _AsJson = False) -> None:
    """List where the tags of an adapter have been, newest first."""
    from tandem.cli.adapters import print_tag_moves

    print_tag_moves(read_settings(), name, as_json=json)


@adapters_app.command("tag")
def adapters_tag(
    label: AdapterLabel,
    tag: Annotated[str, typer.Argument(help="The tag, such as candidate or champion.")],
    reason: _Why = "",
    expected: Annotated[
        int | None, typer.Option(min=0, help="Only if the tag is on this number now; 0: on none.")
    ] = None,
) -> None:
    """Let a tag mean a version, whatever it meant before."""
    from tandem.cli.adapters import tag_adapter

    tag_adapter(read_settings(), label, tag, reason, expected)


@adapters_app.command("untag")
def adapters_untag(
    name: AdapterName, tag: Annotated[str, typer.Argument(help="The tag.")], reason: _Why = ""
) -> None:
    """Take a tag away; the version stays."""
    from tandem.cli.adapters import untag_adapter

    untag_adapter(read_settings(), name, tag, reason)


@adapters_app.command("register")
def adapters_register(
    folder: Annotated[Path, typer.Argument(help="Folder of a training run, or as peft writes it.")],
    name: AdapterName,
    note: Annotated[str, typer.Option(help="Why; kept with the version.")] = "",
    base: _BaseModel = None,
    json: _AsJson = False,
) -> None:
    """Register an adapter as the next version of a name. Without a training.json, --base says what it is of."""
    from tandem.cli.adapter_files import register_adapter

    register_adapter(read_settings(), folder, name, note, base, as_json=json)


@adapters_app.command("export")
def adapters_export(
    label: AdapterLabel,
    file: Annotated[Path, typer.Argument(help="File to write, such as mine.tandem-adapter.")],
) -> None:
    """Write a version as one file."""
    from tandem.cli.adapter_files import export_to_file

    export_to_file(read_settings(), label, file)


@adapters_app.command("import")
def adapters_import(
    file: Annotated[Path, typer.Argument(help="File that `adapters export` wrote.")],
    name: Annotated[str | None, typer.Option(help="Another name than the one in the file.")] = None,
    json: _AsJson = False,
) -> None:
    """Register what another Tandem has exported."""
    from tandem.cli.adapter_files import import_file

    import_file(read_settings(), file, name, as_json=json)


@adapters_app.command("merge")
def adapters_merge(
    label: AdapterLabel,
    out: Annotated[Path, typer.Option(help="Folder to write, which is not there yet.")],
    base: _BaseModel = None,
) -> None:
    """Write base and adapter as one model, which engine.model can name."""
    from tandem.cli.adapter_files import merge_into_model

    merge_into_model(read_settings(), label, out, base)


@adapters_app.command("push")
def adapters_push(
    label: AdapterLabel,
    to: Annotated[str, typer.Option(help="Repository: hub:OWNER/NAME.")],
    private: Annotated[
        bool, typer.Option("--private/--public", help="Who sees a repository that is made.")
    ] = True,
) -> None:
    """Put a version on a hub. HF_TOKEN is the token, HF_ENDPOINT another hub than huggingface.co."""
    from tandem.cli.adapter_files import push_to_hub

    push_to_hub(read_settings(), label, to, private=private)


@adapters_app.command("prune")
def adapters_prune(
    name: Annotated[str | None, typer.Argument(help="Name of the adapter; all by default.")] = None,
    keep: Annotated[int, typer.Option(min=1, help="Newest versions of a name that stay.")] = 3,
    delete: Annotated[bool, typer.Option("--delete", help="Do it; without, it is only shown.")] = False,
    json: _AsJson = False,
) -> None:
    """Show which versions nothing holds on to, or delete them. Tagged ones and those in use stay."""
    from tandem.cli.adapters import prune_adapters

    prune_adapters(read_settings(), name, keep, delete=delete, as_json=json)


@adapters_app.command("remove")
def adapters_remove(
    label: Annotated[str, typer.Argument(help="NAME@NUMBER.")],
    force: Annotated[bool, typer.Option("--force", help="Though it has tags or is in use.")] = False,
) -> None:
    """Delete one version; its number is not used again."""
    from tandem.cli.adapters import remove_adapter

    remove_adapter(read_settings(), label, force=force)


@finetune_app.command("refresh")
def refresh(
    name: Annotated[str, typer.Argument(help="Name of the adapter.")],
    held: Annotated[
        Path,
        typer.Option(help="Questions to validate on: nothing of them, nor of their documents, is learnt."),
    ],
    questions: Annotated[
        list[Path] | None, typer.Option(help="Questions to learn from, old and new, repeatable.")
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option(help="Voted answers, old and new: question, answer, documents, verdict.")
    ] = None,
    corpus: Annotated[str, typer.Option(help="Corpus whose documents hold the answers.")] = DEFAULT_CORPUS,
    recipe: Annotated[str, typer.Option(help="Recipe that retrieves, for its retrieval and prompt.")] = "rag",
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="F1 that may be lost, even at the interval's lower end.")
    ] = 0.02,
    unknown: Annotated[
        float,
        typer.Option(min=0, max=1, help='How much "I don\'t know." may change for the worse, as a share.'),
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Of the training set.")] = 0,
    at_once: Annotated[int, typer.Option(min=1, max=256, help="Questions that are asked at a time.")] = 8,
    json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Train a successor on what is known by now; it becomes champion only if it is not worse. Exit code 2 if it is."""
    from finetune.dataset.options import Options
    from finetune.validation.gate import Bounds
    from tandem.cli.refresh import RefreshWish, refresh_adapter

    wish = RefreshWish(
        name=name,
        held=held.absolute(),
        corpus=corpus,
        recipe=recipe,
        questions=tuple(questions or ()),
        feedback=feedback,
        bounds=Bounds(f1=tolerance, unknown=unknown),
        at_once=at_once,
    )
    if not refresh_adapter(read_settings(), wish, Options(seed=seed), None, as_json=json):
        raise typer.Exit(2)
