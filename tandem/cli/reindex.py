"""`tandem reindex`: a re-embedding, done by the running server or in this process, and shown as it goes on."""

import asyncio
import json
from contextlib import closing
from typing import Any

import typer
from rich.markup import escape

from ingest.beside import Beside
from tandem.cli.bar import Bar
from tandem.cli.local import local_reindexer
from tandem.cli.opened import author
from tandem.cli.output import print_json, stderr, stdout
from tandem.cli.remote import running_server
from tandem.errors import NotFoundError
from tandem.live import describe
from tandem.settings import Settings
from tandem.store import Reindexing, Store, open_store
from tandem.threads import in_thread

_LOOK_S = 0.25


def reindex_all(settings: Settings, embedding: dict[str, Any] | None, *, resume: bool, as_json: bool) -> None:
    """Re-embed with `embedding`, or go back where it is `None`; with `resume`, go on with what was interrupted.

    Raises `ConflictError` while another re-embedding runs, `NotFoundError` where there is none to resume.
    """
    with closing(open_store(settings.store, settings.data_dir)) as store:
        last = store.reindexing()
        if resume:
            if last is None or not last.unfinished:
                raise NotFoundError("No re-embedding was interrupted")
            embedding = last.embedding
        done = _run(settings, store, store.request_reindexing(embedding, author()), as_json=as_json)
        if not as_json:
            _print_end(store, done)
    if done.state != "done":
        raise typer.Exit(1)


def drop_others(settings: Settings, *, as_json: bool) -> None:
    """Drop the collections that do not answer. Raises `ConflictError` while a re-embedding runs."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        dropped = asyncio.run(Beside(store, settings).drop())
    if as_json:
        print_json({"dropped": dropped})
        return
    for name in dropped:
        stdout.print(f"dropped  {name}")
    if not dropped:
        stdout.print("No collection but the one that answers")


def reindexing_as_json(one: Reindexing) -> dict[str, Any]:
    """A re-embedding, for programs."""
    return {
        "event": "progress" if one.unfinished else "ended",
        "id": one.id,
        "state": one.state,
        "wanted": one.wanted,
        "documents": one.documents,
        "total": one.total,
        "chunks": one.chunks,
        "error": one.error,
    }


def _run(settings: Settings, store: Store, wish: Reindexing, *, as_json: bool) -> Reindexing:
    try:
        return asyncio.run(_follow(settings, store, wish, as_json=as_json))
    except KeyboardInterrupt:
        stderr.print(
            "\nIt goes on with `tandem up` or `tandem reindex --resume`; `tandem reindex --drop` gives it up."
        )
        raise


async def _follow(settings: Settings, store: Store, wish: Reindexing, *, as_json: bool) -> Reindexing:
    """Show it until it has ended; do it here if no server runs."""
    with running_server(settings) as client:
        served = client is not None
    shown = asyncio.create_task(_show(store, wish, as_json=as_json))
    try:
        if not served:
            stderr.print("[dim]›[/dim] Opening the index (no server runs)")
            async with local_reindexer(settings, store) as reindexer:
                await reindexer.run_next()
        return await shown
    finally:
        shown.cancel()


async def _show(store: Store, wish: Reindexing, *, as_json: bool) -> Reindexing:
    before: Reindexing | None = None
    with Bar("re-embedding", hidden=as_json) as bar:
        while True:
            now = await in_thread(store.reindexing, wish.id) or wish
            if as_json and now != before:
                print(json.dumps(reindexing_as_json(now), ensure_ascii=False), flush=True)
            bar.move(now.documents, now.total or None, now.chunks - wish.chunks)
            if not now.unfinished:
                return now
            before = now
            await asyncio.sleep(_LOOK_S)


def _print_end(store: Store, done: Reindexing) -> None:
    if done.error:
        stderr.print(f"[bold red]Error[/bold red] ({done.error['type']}): {escape(done.error['message'])}")
        if done.error.get("hint"):
            stderr.print(f"  {escape(done.error['hint'])}")
        return
    active = store.active_collection()
    if active is not None:
        stdout.print(
            f"done: {done.documents} documents, {done.chunks} chunks embedded; "
            f"answers come from {active.name}, {escape(describe(active))}"
        )
        stdout.print("Back: tandem reindex --back   Free the space of the other: tandem reindex --drop")
