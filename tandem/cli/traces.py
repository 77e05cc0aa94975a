"""`tandem traces`: read from the store, beside a server that may run."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from rich.markup import escape

from tandem.cli.export_file import Written, take_up
from tandem.cli.output import print_json, progress, stdout
from tandem.errors import StorageError
from tandem.redaction import open_redactor
from tandem.settings import Settings
from tandem.store import TraceWish, open_store
from tandem.trace_export import as_json as traces_as_json
from tandem.trace_export import exported
from tandem.vocabulary import Caller

_SHOWN = 60


def list_traces(settings: Settings, tenant: str, wish: TraceWish, limit: int, *, as_json: bool) -> None:
    """Print traces, the newest first."""
    store = open_store(settings.store, settings.data_dir)
    try:
        page = store.trace_page(Caller(tenant), wish, limit=limit)
        found = traces_as_json(store, Caller(tenant), page, open_redactor(settings.traces))
    finally:
        store.close()
    if as_json:
        print_json(found)
        return
    for one in found:
        votes = " ".join(vote["verdict"] for vote in one["feedback"])
        question = " ".join(one["question"].split())
        shown = question if len(question) <= _SHOWN else f"{question[: _SHOWN - 1]}…"
        what = f"{one['id']}  {one['created_at'][:16]}  {one['recipe']:<10}  {one['outcome']:<9}  {votes:<5}"
        stdout.print(f"{escape(what)}  {escape(shown)}")


def show_trace(settings: Settings, tenant: str, trace_id: str, *, as_json: bool) -> None:
    """Print one trace. Raises `NotFoundError`."""
    caller = Caller(tenant)
    store = open_store(settings.store, settings.data_dir)
    try:
        (one,) = traces_as_json(
            store, caller, [store.trace(caller, trace_id)], open_redactor(settings.traces)
        )
    finally:
        store.close()
    if as_json:
        print_json(one)
        return
    stdout.print(f"asked     {one['created_at'][:19]}  {escape(one['question'])}")
    stdout.print(f"{one['outcome']:<9} {escape(one['answer']) or '(no longer kept)'}")
    for citation in one["citations"]:
        stdout.print(
            f"  \\[{citation['n']}] {escape(citation.get('uri', ''))}: {escape(citation.get('quote', ''))}"
        )
    stdout.print(f"by        {one['recipe']}, {one['tokens_in']} tokens read, {one['tokens_out']} written")
    took = ", ".join(f"{step} {milliseconds:g} ms" for step, milliseconds in one["timings"].items())
    stdout.print(f"took      {took}")
    for vote in one["feedback"]:
        said = "  ".join(part for part in (vote["comment"], vote["correction"], *vote["tags"]) if part)
        stdout.print(f"voted     {vote['verdict']}  {vote['state']}  {escape(said)}")


def export_traces(
    settings: Settings, tenant: str, wish: TraceWish, out: Path | None, *, resume: bool
) -> None:
    """Write JSON lines; with `resume` only what is not in the file yet. A trace's votes are those of the export.

    Raises `InvalidRequestError` for a file that cannot be gone on with, `StorageError` for one that cannot be
    written.
    """
    written = take_up(out) if resume and out is not None else Written()
    if written.since is not None:
        since = written.since if wish.since is None else max(written.since, wish.since)
        wish = replace(wish, since=since)
    redactor = open_redactor(settings.traces)
    store = open_store(settings.store, settings.data_dir)
    try:
        lines = exported(store, Caller(tenant), wish, redactor)
        fresh = (one for one in lines if one["id"] not in written.ids)
        mode = "a" if resume else "w"
        count = _write(fresh, sys.stdout) if out is None else _write_file(fresh, out, mode)
    finally:
        store.close()
    progress(f"Exported {count} traces" + (f" to {out}" if out else ""))


def _write_file(lines: Iterator[dict[str, Any]], out: Path, mode: str) -> int:
    try:
        with out.open(mode, encoding="utf-8") as file:
            return _write(lines, file)
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {error.strerror}", param="out") from error


def _write(lines: Iterator[dict[str, Any]], file: IO[str]) -> int:
    count = 0
    for one in lines:
        # With JSON's own escapes: half a character has no UTF-8.
        file.write(json.dumps(one) + "\n")
        count += 1
    return count
