"""`tandem ingest`: a job, done by the running server or in this process, and shown as it goes on."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.markup import escape

from ingest.jobs import Event, follow
from ingest.manifest import Manifest, read_manifest
from ingest.sources import FilesSource
from tandem.cli.bar import Bar
from tandem.cli.local import local_worker
from tandem.cli.output import stderr, stdout
from tandem.cli.remote import running_server
from tandem.errors import IndexOwnedError, InvalidRequestError, NotFoundError
from tandem.settings import Settings
from tandem.store import Job, JobDocument, Store, open_store
from tandem.vocabulary import Caller

LOCAL = "local"
RAY = "ray"
ENGINES = (LOCAL, RAY)

_TROUBLE = ("failed", "cancelled")

_Queue = Callable[[str | None], Job]
"""Makes the job; it belongs to the worker, if one is named."""


def ingest_paths(
    settings: Settings,
    paths: list[Path],
    corpus: str,
    *,
    groups: tuple[str, ...] | None = None,
    as_json: bool,
    engine: str = LOCAL,
) -> None:
    """Ingest all files under `paths`, for these access groups where they are given; a refused file does not stop the others, but the exit code is 1."""
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"There is no file or folder {path}", param="path")
    source = FilesSource(paths=tuple(path.absolute() for path in paths), groups=groups)
    manifest = Manifest(corpus=corpus, sources=(source,))
    _run(settings, manifest, sync=False, as_json=as_json, engine=engine)


def ingest_manifest(
    settings: Settings, path: Path, *, sync: bool, as_json: bool, engine: str = LOCAL
) -> None:
    """Ingest what a manifest names; with `sync`, remove what its sources no longer have."""
    _run(settings, read_manifest(path), sync=sync, as_json=as_json, engine=engine)


def resume_job(settings: Settings, job_id: str, *, as_json: bool, engine: str = LOCAL) -> None:
    """Go on with a job that was interrupted. Raises `NotFoundError`."""
    with closing(open_store(settings.store, settings.data_dir)) as store:
        job = store.job(Caller(), job_id)
        if job.ended:
            raise InvalidRequestError(
                f"The ingestion {job_id} has ended: {job.state}", hint="Try its failures: tandem jobs retry"
            )
        _do(settings, store, lambda _: job, as_json=as_json, engine=engine)


def _run(settings: Settings, manifest: Manifest, *, sync: bool, as_json: bool, engine: str) -> None:
    wanted = manifest.model_dump(mode="json")
    with closing(open_store(settings.store, settings.data_dir)) as store:

        def queue(worker: str | None) -> Job:
            return store.create_job(Caller(), manifest.corpus, wanted, sync=sync, local=True, worker=worker)

        _do(settings, store, queue, as_json=as_json, engine=engine)


def _do(settings: Settings, store: Store, queue: _Queue, *, as_json: bool, engine: str) -> None:
    follow_it = _follow_cluster if engine == RAY else _follow
    done = asyncio.run(follow_it(settings, store, queue, as_json=as_json))
    if not as_json:
        _print_end(store, done)
    if done.state != "done" or any(done.counts.get(state) for state in _TROUBLE):
        raise typer.Exit(1)


async def _follow(settings: Settings, store: Store, queue: _Queue, *, as_json: bool) -> Job:
    """Show the job until it has ended; do it here if no server runs."""
    with running_server(settings) as client:
        served = client is not None
    job = queue(None)
    return await _watched(store, job, None if served else _do_here(settings, job), sys.stdout, as_json)


async def _do_here(settings: Settings, job: Job) -> None:
    stderr.print("[dim]›[/dim] Opening the index (no server runs)")
    async with local_worker(settings) as (_, worker):
        await worker.run_one(Caller(), job.id)


async def _follow_cluster(settings: Settings, store: Store, queue: _Queue, *, as_json: bool) -> Job:
    """Let a Ray cluster do the job. Raises `IndexOwnedError` where a server owns the index."""
    with running_server(settings) as client:
        if client is not None and settings.index.url is None:
            raise IndexOwnedError(
                "The running server owns the index, so a cluster cannot fill it",
                hint="Leave --engine out, stop the server, or move to a Qdrant server with index.url.",
            )
    out = sys.stdout  # a connection to Ray keeps it for others
    where = settings.ray.address or "on this machine"
    stderr.print(f"[dim]›[/dim] Opening the index, joining Ray {escape(where)}")
    async with local_worker(settings, on_cluster=True) as (_, worker):
        job = queue(worker.id)  # its own from the start: a server that runs beside must not take it
        return await _watched(store, job, worker.run_one(Caller(), job.id), out, as_json)


async def _watched(
    store: Store, job: Job, work: Coroutine[None, None, None] | None, out: TextIO, as_json: bool
) -> Job:
    """The job when it has ended. `work` does it; events of `as_json` go to `out`."""
    shown = asyncio.create_task(_show(store, job, out, as_json=as_json))
    try:
        if work is not None:
            await work
        return await shown
    except asyncio.CancelledError:
        if not store.job(Caller(), job.id).ended:
            stderr.print(
                f"\nThe ingestion goes on with `tandem up` or `tandem jobs resume {job.id}`; "
                f"`tandem jobs cancel {job.id}` ends it."
            )
        raise
    finally:
        shown.cancel()


async def _show(store: Store, job: Job, out: TextIO, *, as_json: bool) -> Job:
    last = job
    with Bar(job.corpus, hidden=as_json) as bar:
        async for event in follow(store, Caller(), job.id):
            last = event.job
            if as_json:
                print(json.dumps(_as_json(event), ensure_ascii=False), file=out, flush=True)
            elif event.document is not None:
                _print_document(event.document, bar.console)
            else:
                done = last.total - last.counts.get("waiting", 0)
                bar.move(done, last.total if last.listed else None, last.chunks)
    return last


def _print_document(document: JobDocument, console: Console) -> None:
    if document.state == "failed":
        why = (document.error or {}).get("message", "")
        hint = (document.error or {}).get("hint")
        console.print(f"[red]refused[/red]   {escape(document.uri)}: {escape(why)}")
        if hint:
            console.print(f"          {escape(hint)}")
    for warning in document.warnings:
        console.print(f"[yellow]warning[/yellow]   {escape(document.name)}: {escape(warning)}")


def _print_end(store: Store, job: Job) -> None:
    if job.error:
        stderr.print(f"[bold red]Error[/bold red] ({job.error['type']}): {escape(job.error['message'])}")
        if job.error.get("hint"):
            stderr.print(f"  {escape(job.error['hint'])}")
    counts = {state: count for state, count in sorted(job.counts.items()) if count and state != "waiting"}
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "no documents"
    stdout.print(f"{job.state}: {told}; {job.chunks} chunks written to corpus {escape(job.corpus)}  {job.id}")
    if counts.get("failed"):
        stdout.print(f"Reasons: tandem jobs failures {job.id}   Again: tandem jobs retry {job.id}")


def _as_json(event: Event) -> dict[str, Any]:
    job = event.job
    if event.document is not None:
        one = event.document
        return {
            "event": "document",
            "job": job.id,
            "uri": one.uri,
            "state": one.state,
            "document_id": one.document_id,
            "chunks": one.chunks,
            "tokens": one.tokens,
            "warnings": one.warnings,
            "error": one.error,
        }
    return {
        "event": "ended" if job.ended else "progress",
        "job": job.id,
        "corpus": job.corpus,
        "state": job.state,
        "total": job.total,
        "counts": dict(job.counts),
        "chunks": job.chunks,
        "tokens": job.tokens,
        "error": job.error,
    }
