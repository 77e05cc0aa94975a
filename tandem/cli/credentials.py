"""With which key the command line asks a server: the one that is named, or that of this machine."""

import os
from contextvars import ContextVar
from pathlib import Path

from tandem.settings import Settings

_FILE = "local.key"
_named: ContextVar[str | None] = ContextVar("tandem_key", default=None)


def use_key(key: str | None) -> None:
    """From now on in this command, ask with this key; `None`: with that of this machine."""
    _named.set(key or None)


def headers_of(settings: Settings) -> dict[str, str]:
    """The credentials for the server on this data folder; none where there are none."""
    key = _named.get() or _read(settings.notes_dir / _FILE)
    return {"Authorization": f"Bearer {key}"} if key else {}


def write_local_key(settings: Settings, key: str) -> Path:
    """Leave the key of this server for its owner's commands, readable by nobody else; returns the file, to be
    removed at the stop.
    """
    file = settings.notes_dir / _FILE
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    # Made with its rights: a file that is closed off later was open for a moment.
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(key)
    fresh.replace(file)
    return file


def _read(file: Path) -> str | None:
    try:
        key = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return key if key.isprintable() else None
