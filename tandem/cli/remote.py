"""The way from a command to the server that runs on the same data folder."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tandem.cli.credentials import headers_of
from tandem.errors import UnavailableError
from tandem.remote_errors import error_of as error_of
from tandem.settings import Settings

_TIMEOUT = httpx.Timeout(10.0, read=600.0)
"""Seconds; reading is long because an upload is answered when it is ingested."""


def address_of(settings: Settings) -> str:
    """Where this server is reached from its own machine."""
    host = f"[{settings.server.host}]" if ":" in settings.server.host else settings.server.host
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{host}:{settings.server.port}"


def announce(settings: Settings) -> Path:
    """Note for this machine's commands where this server listens; returns the note, to be removed at the stop."""
    note = settings.notes_dir / "server.json"
    note.parent.mkdir(parents=True, exist_ok=True)
    fresh = note.with_suffix(".new")
    fresh.write_text(json.dumps({"url": address_of(settings), "pid": os.getpid()}))
    fresh.replace(note)
    return note


@contextmanager
def running_server(settings: Settings) -> Iterator[httpx.Client | None]:
    """A client of the server on this data folder, or `None` where none answers."""
    url = _noted_url(settings.notes_dir / "server.json")
    if url is None:
        yield None
        return
    with httpx.Client(
        base_url=url, timeout=_TIMEOUT, trust_env=False, headers=headers_of(settings)
    ) as client:
        try:
            alive = client.get("/healthz", timeout=3.0).status_code == httpx.codes.OK
        except httpx.TransportError:
            alive = False
        yield client if alive else None


@contextmanager
def required_server(settings: Settings) -> Iterator[httpx.Client]:
    """As `running_server`, but raises `UnavailableError` where none answers."""
    with running_server(settings) as client:
        if client is None:
            raise UnavailableError(
                f"No Tandem server runs on the data folder {settings.data_dir}",
                hint="Start one with `tandem up`.",
            )
        yield client


def checked(response: httpx.Response) -> Any:
    """The response's JSON (`None` if empty). Raises the error that the server sent, of the same type."""
    if response.is_success:
        return response.json() if response.content else None
    raise error_of(response.content)


def _noted_url(note: Path) -> str | None:
    try:
        url = json.loads(note.read_text())["url"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return url if isinstance(url, str) else None
