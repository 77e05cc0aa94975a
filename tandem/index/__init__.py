"""The index of chunks: one protocol, two engines."""

from tandem.index.opening import open_index
from tandem.index.protocol import Index, Leg, Query, Vector

__all__ = ["Index", "Leg", "Query", "Vector", "open_index"]
