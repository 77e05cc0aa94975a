"""The index of chunks: one protocol, two engines."""

from tandem.index.fusion import Fusion
from tandem.index.marks import check_metadata, check_metadata_key
from tandem.index.opening import drop_collection, open_index
from tandem.index.protocol import Index, Leg, Query, Vector, scored_by

__all__ = [
    "Fusion",
    "Index",
    "Leg",
    "Query",
    "Vector",
    "check_metadata",
    "check_metadata_key",
    "drop_collection",
    "open_index",
    "scored_by",
]
