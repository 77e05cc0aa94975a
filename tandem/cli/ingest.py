"""`tandem ingest`: through the running server, or in this process."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ingest import Upload
from ingest.sources import find_files
from tandem.cli.local import local_ingestor
from tandem.cli.output import print_error, print_json, stderr, stdout
from tandem.cli.remote import checked, running_server
from tandem.errors import StorageError, TandemError
from tandem.settings import Settings
from tandem.vocabulary import Caller

Report = dict[str, Any]
Send = Callable[[Path], Report]


def ingest_paths(settings: Settings, paths: list[Path], corpus: str, *, as_json: bool) -> None:
    """Ingest all files under `paths`; a refused file does not stop the others, but the exit code is 1."""
    files = find_files(paths)
    with running_server(settings) as client:
        if client is not None:
            reports, refused = _one_by_one(files, lambda file: _upload(client, file, corpus))
        else:
            reports, refused = asyncio.run(_ingest_here(settings, files, corpus))
    if as_json:
        print_json({"documents": reports, "refused": refused})
    else:
        _print_reports(reports, refused, corpus)
    if refused:
        raise typer.Exit(1)


def _upload(client: httpx.Client, file: Path, corpus: str) -> Report:
    with file.open("rb") as content:
        response = client.post(
            f"/api/corpora/{corpus}/documents",
            files={"file": (file.name, content)},
            data={"uri": file.resolve().as_uri()},
        )
    report: Report = checked(response)
    return report


async def _ingest_here(
    settings: Settings, files: list[Path], corpus: str
) -> tuple[list[Report], list[Report]]:
    stderr.print("[dim]›[/dim] Opening the index (no server runs)")
    async with local_ingestor(settings) as (ingestor, _):
        loop = asyncio.get_running_loop()

        def ingest_one(file: Path) -> Report:
            upload = Upload(uri=file.resolve().as_uri(), name=file.name, content=file.read_bytes())
            done = asyncio.run_coroutine_threadsafe(ingestor.ingest(Caller(), corpus, upload), loop).result()
            return {
                "document_id": done.document_id,
                "uri": done.uri,
                "title": done.title,
                "chunks": done.chunks,
                "tokens": done.tokens,
                "status": done.status,
                "warnings": list(done.warnings),
            }

        return await asyncio.to_thread(_one_by_one, files, ingest_one)


def _one_by_one(files: list[Path], send: Send) -> tuple[list[Report], list[Report]]:
    """Reports of the files that were taken, and errors of those that were refused."""
    reports: list[Report] = []
    refused: list[Report] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("Ingesting", total=len(files))
        for file in files:
            bar.update(task, description=escape(file.name))
            try:
                reports.append(send(file))
            except OSError as error:
                fault = StorageError(
                    f"{file.name}: {error.strerror}", hint="Check that the file can be read."
                )
                refused.append({"uri": file.resolve().as_uri(), **fault.body()})
            except TandemError as error:
                refused.append({"uri": file.resolve().as_uri(), **error.body()})
                print_error(error)
            bar.advance(task)
    return reports, refused


def _print_reports(reports: list[Report], refused: list[Report], corpus: str) -> None:
    for report in reports:
        stdout.print(
            f"{report['status']:<9} {report['chunks']:>5} chunks  "
            f"{escape(report['title'])}  {report['document_id']}"
        )
        for warning in report["warnings"]:
            stderr.print(f"          [yellow]{escape(warning)}[/yellow]")
    for refusal in refused:
        stdout.print(f"refused   {escape(refusal['uri'])}: {escape(refusal['error']['message'])}")
    chunks = sum(report["chunks"] for report in reports)
    stdout.print(f"{len(reports)} documents, {chunks} chunks in corpus {corpus}; {len(refused)} refused")
