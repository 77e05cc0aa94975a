"""Makes, checks and restores backups."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from tandem.backup import ArchiveFacts, make_backup, read_facts, restore
from tandem.cli.opened import author
from tandem.cli.output import print_json, progress, stdout
from tandem.cli.remote import checked, running_server
from tandem.errors import ConflictError, InvalidRequestError, StorageError
from tandem.live import open_index_of
from tandem.settings import Settings
from tandem.store import open_store

_STDOUT = Path("-")


def run_backup(settings: Settings, archive: Path, *, as_json: bool) -> None:
    """Write the archive under another name, check it, and give it its own: there is a whole one or none.

    Raises `ConflictError` for a file that is there already.
    """
    if archive == _STDOUT:
        _write(settings, sys.stdout.buffer)
        return
    if archive.exists():
        raise ConflictError(f"{archive} is there already", param="archive", hint="Choose another name.")
    with _part_of(archive) as part:
        with part.open("xb") as out:
            _write(settings, out)
            out.flush()
            os.fsync(out.fileno())
        facts = read_facts(part)
        part.replace(archive)
    _tell(facts, f"[bold]{archive}[/bold] is written and whole", as_json=as_json)


def run_check(archive: Path, expected: str | None, *, as_json: bool) -> None:
    """Look at every byte. Raises `InvalidRequestError` for a broken archive, or one of another hash."""
    facts = read_facts(archive)
    if expected is not None and facts.hash != expected:
        raise InvalidRequestError(
            f"The backup has the hash {facts.hash}, not {expected}", param="expect", hint="It is another one."
        )
    _tell(facts, f"[bold]{archive}[/bold] is whole", as_json=as_json)


def run_restore(
    settings: Settings, archive: Path, *, replace: bool, expect: str | None, as_json: bool
) -> None:
    """Restore. Raises `ConflictError` while a server runs, and as `tandem.backup.restore`."""
    with running_server(settings) as server:
        if server is not None:
            raise ConflictError("A server runs on this data folder", hint="Stop it, and try again.")
    with closing(open_store(settings.store, settings.data_dir)) as store:
        done = asyncio.run(
            restore(archive, store, settings, replace=replace, expected=expect, report=progress)
        )
    if done.lacking:
        progress(
            f"{done.lacking} documents were replaced during the backup; the next start embeds them again"
        )
    _tell(done.facts, "Restored", as_json=as_json)


def _write(settings: Settings, out: IO[bytes]) -> None:
    with running_server(settings) as server:
        if server is not None:
            with server.stream("POST", "/api/backup") as response:
                if not response.is_success:
                    response.read()
                    checked(response)
                for piece in response.iter_bytes():
                    out.write(piece)
            return
    asyncio.run(_write_here(settings, out))


async def _write_here(settings: Settings, out: IO[bytes]) -> None:
    with closing(open_store(settings.store, settings.data_dir)) as store:
        known = store.active_collection()
        if known is None:
            raise ConflictError("There is nothing to keep yet", hint="Start the server once: tandem up")
        store.audit(subject=author(), action="backup.made", object="archive")
        index = await open_index_of(known, settings)
        try:
            pieces: AsyncIterator[bytes] = make_backup(store, index, settings)
            async with aclosing(pieces):  # type: ignore[type-var]
                async for piece in pieces:
                    out.write(piece)
        finally:
            await index.close()


@contextmanager
def _part_of(archive: Path) -> Iterator[Path]:
    """A name beside it; what is left of a try that fails is removed. Raises `StorageError`."""
    part = archive.with_name(f".{archive.name}.{os.getpid()}.part")
    try:
        yield part
    except OSError as error:
        raise StorageError(
            f"{archive} cannot be written: {error.strerror}", hint="Check free space and the folder's rights."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _tell(facts: ArchiveFacts, said: str, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(facts))
        return
    stdout.print(f"{said}: of {facts.made_at}, by Tandem {facts.tandem}")
    words = [f"{count:,} {name}" for name, count in sorted(facts.rows.items()) if count]
    stdout.print(f"  {facts.chunks:,} chunks; rows: {', '.join(words)}")
    stdout.print(f"  hash {facts.hash}")
