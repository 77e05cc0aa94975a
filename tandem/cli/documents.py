"""`tandem documents`: list and delete, through the running server or in this process."""

import asyncio

from rich.markup import escape

from tandem.cli.local import local_ingestor
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import checked, running_server
from tandem.settings import Settings
from tandem.store import DocumentRecord, open_store
from tandem.vocabulary import Caller

_PAGE = 100


def list_documents(settings: Settings, corpus: str, *, as_json: bool) -> None:
    """Print every document of the corpus. Raises `NotFoundError` for an unknown one."""
    store = open_store(settings.store, settings.data_dir)
    try:
        records: list[DocumentRecord] = []
        while page := store.documents(Caller(), corpus, limit=_PAGE, offset=len(records)):
            records += page
    finally:
        store.close()
    if as_json:
        print_json(
            [
                {"id": r.id, "title": r.title, "uri": r.uri, "media_type": r.media_type, "chunks": r.chunks}
                for r in records
            ]
        )
        return
    for record in records:
        stdout.print(f"{record.id}  {record.chunks:>5} chunks  {escape(record.title)}  {escape(record.uri)}")


def delete_document(settings: Settings, corpus: str, document_id: str) -> None:
    """Delete one document. Raises `NotFoundError` if it is not there."""
    with running_server(settings) as client:
        if client is not None:
            checked(client.delete(f"/api/corpora/{corpus}/documents/{document_id}"))
        else:
            asyncio.run(_delete_here(settings, corpus, document_id))
    stdout.print(f"deleted   {document_id}")


async def _delete_here(settings: Settings, corpus: str, document_id: str) -> None:
    async with local_ingestor(settings) as (ingestor, _):
        await ingestor.delete(Caller(), corpus, document_id)
