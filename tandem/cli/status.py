"""`tandem status`: the running server and what the store holds."""

from contextlib import closing

from rich.markup import escape
from rich.table import Table

from tandem.cli.output import print_json, stdout
from tandem.cli.reindex import reindexing_as_json
from tandem.cli.remote import checked, running_server
from tandem.live import describe
from tandem.settings import Settings
from tandem.store import open_store
from tandem.vocabulary import Caller


def print_status(settings: Settings, *, as_json: bool) -> None:
    """Print where the server listens, which of its parts are ready, and the corpora."""
    with running_server(settings) as client:
        url = str(client.base_url) if client is not None else None
        parts = client.get("/readyz").json()["parts"] if client is not None else {}
        models = (
            [model["id"] for model in checked(client.get("/v1/models"))["data"]] if client is not None else []
        )
    with closing(open_store(settings.store, settings.data_dir)) as store:
        corpora = store.corpora(Caller())
        active, last = store.active_collection(), store.reindexing()
    if as_json:
        listed = [{"name": c.name, "documents": c.documents, "chunks": c.chunks} for c in corpora]
        print_json(
            {
                "server": url,
                "parts": parts,
                "models": models,
                "collection": active and {"name": active.name, "embedder": active.embedding["model"]},
                "reindexing": last and reindexing_as_json(last),
                "corpora": listed,
            }
        )
        return
    stdout.print(f"server   {url or 'not running (start it with `tandem up`)'}")
    for part, state in parts.items():
        stdout.print(f"{part:<8} {state}")
    if models:
        stdout.print(f"models   {', '.join(models)}")
    if active is not None:
        stdout.print(f"index    collection {active.name}, embedder {escape(describe(active))}")
    if last is not None and last.unfinished:
        stdout.print(
            f"reindex  {last.state}: {last.documents} of {last.total} documents, {escape(last.wanted)}"
        )
    table = Table("corpus", "documents", "chunks", box=None)
    for corpus in corpora:
        table.add_row(corpus.name, str(corpus.documents), str(corpus.chunks))
    stdout.print(table if corpora else "No corpus yet: tandem ingest PATH --corpus NAME")
