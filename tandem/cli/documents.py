"""`tandem documents`: list and delete, through the running server or in this process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing

from rich.markup import escape

from ingest.removing import Remover
from tandem.cli.local import local_worker
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import checked, running_server
from tandem.settings import Settings
from tandem.store import DocumentRecord, Receipt, open_store
from tandem.vocabulary import Caller

_PAGE = 100


def list_documents(settings: Settings, corpus: str, *, as_json: bool) -> None:
    """Print every document of the corpus. Raises `NotFoundError` for an unknown one."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        records: list[DocumentRecord] = []
        while page := store.documents(Caller(), corpus, limit=_PAGE, offset=len(records)):
            records += page
    if as_json:
        print_json(
            [
                {
                    "id": r.id,
                    "title": r.title,
                    "uri": r.uri,
                    "media_type": r.media_type,
                    "chunks": r.chunks,
                    "groups": list(r.groups),
                }
                for r in records
            ]
        )
        return
    for record in records:
        groups = f"  for {escape(', '.join(record.groups))}" if record.groups else ""
        what = f"{escape(record.title)}  {escape(record.uri)}{groups}"
        stdout.print(f"{record.id}  {record.chunks:>5} chunks  {what}")


def delete_document(settings: Settings, corpus: str, document_id: str) -> None:
    """Delete one document. Raises `NotFoundError` if it is not there."""
    with running_server(settings) as client:
        if client is not None:
            removed = checked(client.delete(f"/api/corpora/{corpus}/documents/{document_id}"))["removed"]
        else:
            removed = asyncio.run(
                _here(settings, lambda remove: remove.document(Caller(), corpus, document_id))
            )
    _print_removed(document_id, removed)


def share_document(settings: Settings, corpus: str, document_id: str, groups: tuple[str, ...]) -> None:
    """Let callers of these access groups see a document, all of its tenant where there are none."""
    with running_server(settings) as client:
        if client is not None:
            body = {"groups": list(groups)}
            checked(client.patch(f"/api/corpora/{corpus}/documents/{document_id}", json=body))
        else:
            asyncio.run(_share_here(settings, corpus, document_id, groups))
    whom = f"groups {escape(', '.join(groups))}" if groups else "everyone of its tenant"
    stdout.print(f"{document_id} is for {whom}")


async def _share_here(settings: Settings, corpus: str, document_id: str, groups: tuple[str, ...]) -> None:
    async with local_worker(settings) as (ingestor, _):
        await ingestor.share.document(Caller(), corpus, document_id, groups)


def delete_corpus(settings: Settings, corpus: str) -> None:
    """Delete a corpus with all that was made of it. Raises `NotFoundError` if it is not there."""
    with running_server(settings) as client:
        if client is not None:
            removed = checked(client.delete(f"/api/corpora/{corpus}"))["removed"]
        else:
            removed = asyncio.run(_here(settings, lambda remove: remove.corpus(Caller(), corpus)))
    _print_removed(f"corpus {corpus}", removed)


async def _here(settings: Settings, work: Callable[[Remover], Awaitable[Receipt]]) -> dict[str, int]:
    async with local_worker(settings) as (ingestor, _):
        return (await work(ingestor.remove)).removed


def _print_removed(what: str, removed: dict[str, int]) -> None:
    stdout.print(f"deleted   {what}")
    for place, count in sorted(removed.items()):
        if count:
            stdout.print(f"{count:>9} {place}")
