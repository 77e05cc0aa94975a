"""A file of JSON lines to which a later export adds what has come since."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tandem.errors import InvalidRequestError, StorageError

_OVERLAP = timedelta(minutes=2)
"""Before the newest trace of a file: what was begun earlier may have been written to the store later."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds already."""

    since: datetime | None = None
    """From this moment on traces may be missing."""
    ids: frozenset[str] = frozenset()
    """Those of since then that are there."""


def take_up(file: Path) -> Written:
    """What the file holds; a last line that was cut off is taken out of it. Reads a line at a time.

    Raises `InvalidRequestError` for a file that is no export, `StorageError` where the disk refuses.
    """
    if not file.exists():
        return Written()
    moments: dict[str, datetime] = {}
    whole = 0
    try:
        with file.open("rb+") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                one = json.loads(line)
                moments[one["id"]] = datetime.fromisoformat(one["created_at"])
                whole += len(line)
            lines.truncate(whole)
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error.strerror}", param="out") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidRequestError(
            f"{file}, line {len(moments) + 1}, is no trace that was exported",
            param="out",
            hint="Name another file.",
        ) from error
    if not moments:
        return Written()
    since = max(moments.values()) - _OVERLAP
    return Written(since, frozenset(one for one, at in moments.items() if at >= since))
