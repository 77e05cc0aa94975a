"""The collection that answers: an open index together with the embedder that its vectors are of.

The store says which one it is, so a changed setting neither stops the answers nor mixes vectors: the
collection goes on with its own embedder until `tandem reindex` has built another.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from tandem.embedding import Embedder, load_embedder
from tandem.index import Index, open_index
from tandem.settings import EmbeddingSettings, Settings
from tandem.store import CollectionRecord, Store
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_DECIDES = ("model", "address", "tokenizer", "query_prompt", "document_prompt")
"""Settings that decide what a vector means; the others say how it is computed here."""


@dataclass(frozen=True, slots=True)
class Collection:
    """An index and its embedder; `name` is `None` where no store knows it."""

    name: str | None
    index: Index
    embedder: Embedder

    async def close(self) -> None:
        """Close both."""
        await self.index.close()
        await in_thread(self.embedder.close)


class Live:
    """Holds the collection that answers in this process, and lets another take its place in one step."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._readers: dict[Collection, int] = {}

    @contextmanager
    def reading(self) -> Iterator[Collection]:
        """The collection, for one question: it stays open, and the same, until the block ends."""
        collection = self.collection
        self._readers[collection] = self._readers.get(collection, 0) + 1
        try:
            yield collection
        finally:
            self._readers[collection] -= 1
            if not self._readers[collection]:
                del self._readers[collection]

    async def retire(self, before: Collection) -> None:
        """Close a collection that was replaced, once the last question has left it."""
        while before in self._readers:
            await asyncio.sleep(0.02)
        await before.close()

    async def close(self) -> None:
        """Close the collection that is held now."""
        await self.collection.close()


async def open_live(store: Store, settings: Settings, report: Callable[[str], None] = lambda _: None) -> Live:
    """Open the collection that the store says answers; on a fresh store, one with the settings' embedder.

    Raises as `load_embedder` and `open_index` do.
    """
    known = await in_thread(store.active_collection)
    if known is None:
        return Live(await _open_first(store, settings, report))
    if known.embedding != deciding(settings.embedding):
        message = f"The index was built with another embedder than embedding.model names: {describe(known)}"
        report(f"{message}. It goes on with that one; `tandem reindex` switches.")
        log.warning("embedder of the settings is not that of the index", index=describe(known))
    return Live(await open_collection(known, settings, report))


async def open_collection(
    known: CollectionRecord, settings: Settings, report: Callable[[str], None] = lambda _: None
) -> Collection:
    """A collection with its own embedder. Raises `EmbedderMismatchError` if that is no longer the same."""
    wanted = embedding_of(known.embedding, settings.embedding)
    embedder = await in_thread(load_embedder, wanted, settings.data_dir, report)
    return await opened(embedder, settings, known.name)


async def opened(embedder: Embedder, settings: Settings, name: str) -> Collection:
    """The collection of this name with an embedder, which is closed if that fails."""
    try:
        index = await open_index(
            settings.index,
            settings.data_dir,
            dimension=embedder.dimension,
            fingerprint=embedder.fingerprint,
            collection=name,
        )
    except BaseException:
        await in_thread(embedder.close)
        raise
    return Collection(name, index, embedder)


async def open_index_of(known: CollectionRecord, settings: Settings) -> Index:
    """The index of a collection alone: what needs no vector needs no embedder."""
    return await open_index(
        settings.index,
        settings.data_dir,
        dimension=known.dimension,
        fingerprint=known.fingerprint,
        collection=known.name,
    )


def record_of(name: str, embedder: Embedder, embedding: dict[str, Any]) -> CollectionRecord:
    """What the store keeps of a new collection."""
    return CollectionRecord(name, embedding, embedder.fingerprint, embedder.dimension, datetime.now(UTC))


def deciding(settings: EmbeddingSettings) -> dict[str, Any]:
    """The settings that decide what a vector means; never a key."""
    return settings.model_dump(include=set(_DECIDES))


def embedding_of(deciding_ones: dict[str, Any], settings: EmbeddingSettings) -> EmbeddingSettings:
    """Settings of the embedder of a collection. The key goes only to the address that it was set for."""
    fields = settings.model_dump() | deciding_ones
    if fields["address"] != settings.address:
        fields["api_key"] = None
    return EmbeddingSettings.model_validate(fields)


def describe(known: CollectionRecord) -> str:
    """Its embedder, for people."""
    address = f" at {known.embedding['address']}" if known.embedding.get("address") else ""
    return f"{known.embedding['model']}{address} ({known.dimension} dimensions, {known.fingerprint})"


async def _open_first(store: Store, settings: Settings, report: Callable[[str], None]) -> Collection:
    embedder = await in_thread(load_embedder, settings.embedding, settings.data_dir, report)
    first = await opened(embedder, settings, settings.index.collection)
    try:
        record = record_of(settings.index.collection, embedder, deciding(settings.embedding))
        active = await in_thread(store.found_collection, record)
    except BaseException:
        await first.close()
        raise
    if (active.name, active.fingerprint) == (record.name, record.fingerprint):
        return first
    await first.close()
    return await open_collection(active, settings, report)
