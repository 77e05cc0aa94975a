"""An index on a Qdrant server for the contract tests, and all that was said about it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from qdrant_client import AsyncQdrantClient
from qdrant_contract import Recorder

from tandem.index.server import ServerIndex
from tandem.settings import IndexSettings


@dataclass(frozen=True)
class Opened:
    index: ServerIndex
    client: AsyncQdrantClient
    recorder: Recorder
    settings: IndexSettings


Opening = Callable[..., Awaitable[Opened]]
"""Opens one under settings of the test's own."""
