"""What a source lists: one document that can be fetched."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """A document that a source has, before its content is read. All of it can be kept as JSON."""

    uri: str
    """The document's address, the same from run to run."""
    name: str
    """Its file name: for its suffix and for messages."""
    locator: dict[str, Any]
    """All that `fetch` needs, and never a secret."""
    revision: str | None = None
    """What the store of an object said of its state when it was listed; see `fetch_changed`."""
