"""Where a list goes on: the moment and the id of the last entry, as one word that clients hand back."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from tandem.errors import InvalidRequestError

Place = tuple[datetime, str]

CursorQuery = Annotated[
    str | None, Query(max_length=300, description="`next` of the page before; the first page without it.")
]


def cursor_of(at: datetime, last_id: str) -> str:
    """The word for a place."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{last_id}".encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> Place | None:
    """The place of a word. Raises `InvalidRequestError` for a word that no page has given."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, _, last_id = base64.b64decode(padded, b"-_", validate=True).decode().partition("|")
        return in_utc(datetime.fromisoformat(at)), last_id
    except (binascii.Error, ValueError, OverflowError) as error:
        raise InvalidRequestError(
            "cursor is none that a page has given", param="cursor", hint="Begin again without it."
        ) from error


def in_utc(at: datetime) -> datetime:
    """A moment with its zone; without one it is read as UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
