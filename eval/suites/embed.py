"""What makes vectors of texts, for measures that compare meanings."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tandem.index import Vector

Embed = Callable[[list[str]], "Vector"]
"""Texts to vectors of shape (len(texts), dimension)."""
