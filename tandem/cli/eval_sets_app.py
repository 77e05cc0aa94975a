"""Commands of eval sets. What they do stands in modules of their own, imported late so that help is quick."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import AsJson
from tandem.errors import InvalidRequestError
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS

sets_app = typer.Typer(no_args_is_help=True, help="Eval sets: versions of questions with what is right.")

SetRef = Annotated[str, typer.Argument(help="NAME@NUMBER, or NAME for the newest.", metavar="SET")]
SetName = Annotated[str, typer.Option(help="Name of the set.")]
_Describe = Annotated[str, typer.Option(help="What the set is for; kept with the version.")]
_Note = Annotated[str, typer.Option(help="Why this version is made; kept with it.")]
_Add = Annotated[
    bool, typer.Option("--add", help="Add to the cases of the newest version; the same id is replaced.")
]


@sets_app.command("import")
def sets_import(
    file: Annotated[Path | None, typer.Argument(help="Cases: JSON lines, or .csv, .tsv.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the set; with --bundled its own.")] = None,
    bundled: Annotated[str | None, typer.Option(help="A set that comes with Tandem: tandem_docs.")] = None,
    description: _Describe = "",
    note: _Note = "",
    add: _Add = False,
    json: AsJson = False,
) -> None:
    """Register cases as the next version of a set; the same cases make none."""
    from tandem.cli.eval_sets import import_set

    if (file is None) == (bundled is None):
        raise InvalidRequestError(
            "Name a file, or a set that comes with Tandem", param="file", hint="FILE or --bundled tandem_docs"
        )
    chosen = name or bundled
    if chosen is None:
        raise InvalidRequestError("The set needs a name", param="name", hint="--name NAME")
    import_set(read_settings(), file, bundled, chosen, description, note, add=add, as_json=json)


@sets_app.command("list")
def sets_list(
    name: Annotated[str | None, typer.Argument(help="Name of the set; all by default.")] = None,
    json: AsJson = False,
) -> None:
    """List the versions, the newest first, and the drafts that wait for a review."""
    from tandem.cli.eval_sets import list_sets

    list_sets(read_settings(), name, as_json=json)


@sets_app.command("show")
def sets_show(
    ref: SetRef,
    tag: Annotated[str | None, typer.Option(help="Print the cases of this slice.")] = None,
    cases: Annotated[bool, typer.Option("--cases", help="Print every case.")] = False,
    json: AsJson = False,
) -> None:
    """Print what a version holds: counts, labels, slices, and what may not be meant."""
    from tandem.cli.eval_sets import show_set

    show_set(read_settings(), ref, tag, cases=cases, as_json=json)


@sets_app.command("diff")
def sets_diff(
    before: SetRef,
    after: Annotated[
        str | None, typer.Argument(help="NAME@NUMBER; BEFORE's newest by default.", metavar="SET")
    ] = None,
    json: AsJson = False,
) -> None:
    """Print which cases were added, removed and changed."""
    from tandem.cli.eval_sets import diff_sets

    diff_sets(read_settings(), before, after, as_json=json)


@sets_app.command("export")
def sets_export(
    ref: SetRef,
    file: Annotated[Path | None, typer.Argument(help="File to write; stdout by default.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only the cases of this slice.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write the cases as JSON lines, which import as the same set."""
    from tandem.cli.eval_sets import export_set

    export_set(read_settings(), ref, file, tag, force=force)


@sets_app.command("remove")
def sets_remove(
    name: Annotated[str, typer.Argument(help="Name of the set.", metavar="SET")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Number of the one version to remove; all by default.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Remove a set, or one version of it, after saying what that takes. Runs that asked it keep their figures."""
    from tandem.cli.eval_sets_removing import remove_set

    remove_set(read_settings(), name, version, yes=yes, as_json=json)


@sets_app.command("split")
def sets_split(
    file: Annotated[Path, typer.Argument(help="Cases: JSON lines, or .csv, .tsv.")],
    held: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Share of the cases to measure on, about.")
    ] = 0.3,
    seed: Annotated[int, typer.Option(help="The same seed parts them alike.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the two files; that of the file by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    json: AsJson = False,
) -> None:
    """Part a file into questions to train on and questions to measure on, whole documents at a time."""
    from tandem.cli.eval_sets_splitting import split_file

    split_file(file, held, seed, out, force=force, as_json=json)


@sets_app.command("leaks")
def sets_leaks(
    ref: Annotated[str, typer.Argument(help="A set, or a file of cases.", metavar="SET")],
    against: Annotated[
        list[str], typer.Option(help="Training set's folder, file of questions, or set; repeatable.")
    ],
    corpus: Annotated[
        list[str] | None,
        typer.Option(help="Corpus of the documents, so that an address and an id are the same; repeatable."),
    ] = None,
    documents: Annotated[
        bool, typer.Option("--documents/--no-documents", help="Whether a shared document is a leak.")
    ] = True,
    clean: Annotated[
        Path | None, typer.Option(help="File to write with the cases that do not leak, to be imported.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Find cases that something was trained on. Exits with 1 where there are any."""
    from tandem.cli.eval_sets_leaks import print_leaks

    if not print_leaks(
        read_settings(),
        ref,
        against,
        corpus or [DEFAULT_CORPUS],
        documents=documents,
        clean=clean,
        as_json=json,
    ):
        raise typer.Exit(1)


@sets_app.command("from-feedback")
def sets_from_feedback(
    file: Annotated[
        Path,
        typer.Argument(
            help="Voted answers: question, answer, documents, verdict; or `store`, for what was accepted."
        ),
    ],
    name: SetName,
    description: _Describe = "",
    note: _Note = "",
    draft: Annotated[bool, typer.Option("--draft", help="Make a draft, to be reviewed first.")] = False,
    add: _Add = False,
    json: AsJson = False,
) -> None:
    """Register answers that users have voted for as references of their questions."""
    from tandem.cli.eval_sets_making import set_of_feedback

    if draft and add:
        raise InvalidRequestError("--add goes with the review of a draft", param="add")
    set_of_feedback(read_settings(), file, name, description, note, draft=draft, add=add, as_json=json)


@sets_app.command("from-traces")
def sets_from_traces(
    name: SetName,
    limit: Annotated[int, typer.Option(min=1, help="Most questions.")] = 200,
    since: Annotated[
        datetime | None, typer.Option(help="Only what was asked since, in UTC.", formats=["%Y-%m-%d"])
    ] = None,
    corpus: Annotated[
        list[str] | None, typer.Option(help="Asked of this corpus, or of all; repeatable.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Answered by this recipe.")] = None,
    description: _Describe = "",
    json: AsJson = False,
) -> None:
    """Draft a set of what users have asked, the newest first, each question once. References are yours to add."""
    from tandem.cli.eval_sets_making import draft_of_traces

    moment = since.replace(tzinfo=UTC) if since else None
    draft_of_traces(read_settings(), name, limit, moment, corpus or [], recipe, description, as_json=json)


@sets_app.command("generate")
def sets_generate(
    name: SetName,
    questions: Annotated[int, typer.Option("--questions", "-n", min=1, help="How many are wanted.")] = 50,
    corpus: Annotated[str, typer.Option(help="Corpus to make them of.")] = DEFAULT_CORPUS,
    ragas: Annotated[
        bool,
        typer.Option(
            "--ragas",
            help="By Ragas's test-set generation, also multi-hop; needs a capable model at --model-address.",
        ),
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(help="Recipe whose retrieval must find the way back; the champion by default."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that makes questions; the engine's base model by default.")
    ] = None,
    model_address: Annotated[
        str | None,
        typer.Option(help="OpenAI-compatible server that has it, without /v1; key: engine.api_key."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed draws the same chunks.")] = 0,
    description: _Describe = "",
    json: AsJson = False,
) -> None:
    """Draft a set of questions that a model makes of a corpus. Goes on where it was interrupted."""
    from tandem.cli.eval_sets_generating import draft_of_corpus
    from tandem.cli.generation_wish import GenerationWish

    wish = GenerationWish(name, corpus, questions, recipe, model, model_address, seed, description, ragas)
    draft_of_corpus(read_settings(), wish, as_json=json)


@sets_app.command("elsewhere")
def sets_elsewhere(
    ref: SetRef,
    corpus: Annotated[str, typer.Option(help="Corpus of the documents.")] = DEFAULT_CORPUS,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose retrieval it is; the champion by default.")
    ] = None,
    judge: Annotated[
        bool, typer.Option("--judge", help="Have the judge of the settings say first which are answered.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Draft the cases that another document may answer, too, so that a review can mark those."""
    from tandem.cli.eval_sets_elsewhere import draft_of_elsewhere

    draft_of_elsewhere(read_settings(), ref, corpus, recipe, judging=judge, as_json=json)


@sets_app.command("review")
def sets_review(
    name: Annotated[str, typer.Argument(help="Name of the draft.")],
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="Accept what waits without looking; the version says so.")
    ] = False,
    add: _Add = False,
) -> None:
    """Decide on the cases of a draft, one at a time; once none waits, the set is registered."""
    from tandem.cli.eval_sets_review import review_draft

    review_draft(read_settings(), name, accept_all=accept_all, add=add)
