"""Commands of documents and of the jobs that bring them. What they do stands in modules of their own."""

from typing import Annotated

import typer

from tandem.cli.options import AsJson, Corpus, Engine, EngineOption, Everyone, Groups, named_groups
from tandem.errors import InvalidRequestError
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS

documents_app = typer.Typer(no_args_is_help=True, help="Documents of a corpus.")
jobs_app = typer.Typer(no_args_is_help=True, help="Ingestions: how far they are, and what would not go in.")


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


@documents_app.command("share")
def documents_share(
    document_id: Annotated[str, typer.Argument(help="Id of the document, as `documents list` prints it.")],
    group: Groups = None,
    everyone: Everyone = False,
    corpus: Corpus = DEFAULT_CORPUS,
) -> None:
    """Change who may see a document: callers with one of its access groups, or everyone of the tenant."""
    from tandem.cli.documents import share_document

    groups = named_groups(group, everyone)
    if groups is None:
        raise InvalidRequestError("Name access groups with --group, or --everyone")
    share_document(read_settings(), corpus, document_id, groups)


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
