"""Re-embedding: another collection is built beside the one that answers, and takes its place in one step.

The store keeps the texts of all documents, so no source is read again. It also notes which versions each
collection beside the active one holds. A round compares that with the versions that are current, embeds
what is missing and removes what is too much; ingestion and answers go on meanwhile with the old collection
and its embedder. When a round finds next to nothing, what writes in this process is held back, a last round
is done, and one transaction of the store switches, if the sets are equal; what another process was just
writing to the old collection then fails there, is tried again, and goes to the new one. A process that is
killed leaves its notes: the next one goes on from there. Going back is the same with the collection before,
which has stayed as it was at the switch.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import structlog

from ingest.chunking import Chunker
from ingest.locks import to_its_end
from ingest.pipeline import Ingestor
from tandem.embedding import load_embedder
from tandem.embedding.registered import find_embedder, is_ref
from tandem.errors import ConflictError, InvalidRequestError, StorageError, TandemError, UnavailableError
from tandem.live import Collection, deciding, embedding_of, open_collection, opened, record_of
from tandem.settings import Settings
from tandem.store import DocumentRecord, Reindexing, Store
from tandem.store.collections import require_former
from tandem.threads import in_thread
from tandem.vocabulary import Chunk

log = structlog.get_logger(__name__)

_BATCH = 256
"""Chunks embedded and noted in one go; a document with more is one batch. So much is done again after a kill."""

_PAGE = 16
"""Documents that are read from the store at a time."""

_FEW = 8
"""Documents left to do for which ingestion may be held back."""

_LOOK_S = 2.0
"""How often removals are looked for in the middle of a round, and wishes of other processes."""

_MAY_PASS = (UnavailableError, StorageError, ConflictError)
_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Cut:
    """A document with its chunks."""

    record: DocumentRecord
    chunks: Sequence[Chunk]


class Reindexer:
    """Does re-embeddings, for this process or, without an `ingestor`, for one that only re-embeds."""

    def __init__(self, store: Store, settings: Settings, worker: str, ingestor: Ingestor | None) -> None:
        """`worker` is the id under which this process is registered in the store."""
        self._store = store
        self._settings = settings
        self._worker = worker
        self._ingestor = ingestor

    async def serve(self) -> None:
        """Do what is asked for, and follow a switch that another process has made, until cancelled."""
        while True:
            try:
                await self._follow()
                await self.run_next()
            except TandemError as error:
                log.warning("re-embedding interrupted", error=error.message)
                await asyncio.sleep(_PAUSE_S)
            except Exception:  # a fault of ours must not leave this process with a collection of the past
                log.exception("re-embedding interrupted")
                await asyncio.sleep(_PAUSE_S)
            await asyncio.sleep(_LOOK_S / 2)

    async def run_next(self) -> None:
        """Do the re-embedding that waits, if one does, to its end.

        What may pass is raised, and the next call goes on; any other fault ends it, and nothing has changed.
        """
        if not await in_thread(self._store.has_reindexing):
            return
        wish = await in_thread(self._store.claim_reindexing, self._worker)
        if wish is None:
            return
        try:
            await self._do(wish)
        except (*_MAY_PASS, asyncio.CancelledError):
            await asyncio.shield(in_thread(self._store.release_reindexing, wish.id, self._worker))
            raise
        except TandemError as error:
            await in_thread(self._store.fail_reindexing, wish.id, error.body()["error"])
        except Exception:
            log.exception("re-embedding failed")
            fault = {"type": "internal_error", "message": "Tandem failed here", "hint": "See the log."}
            await in_thread(self._store.fail_reindexing, wish.id, fault)

    async def _do(self, wish: Reindexing) -> None:
        target = await self._open(wish)
        work = _Work(self._store, target, self._settings, wish.id, self._worker)
        try:
            await work.count()
            while await work.round() > _FEW:
                pass
            await target.index.compact()
            while not await self._switch_held(work, wish):
                await asyncio.sleep(0)
        finally:
            if self._ingestor is None or self._ingestor.live.collection is not target:
                await target.close()

    async def _switch_held(self, work: "_Work", wish: Reindexing) -> bool:
        async with self._held_back():
            while await work.round():
                pass
            return await to_its_end(self._switch(work.target, wish))

    async def _switch(self, target: Collection, wish: Reindexing) -> bool:
        if not await in_thread(self._store.switch_collection, target.name or "", wish.id):
            return False
        await self._take(target)
        return True

    async def _take(self, target: Collection) -> None:
        """Let this process answer and ingest with the collection from now on."""
        if self._ingestor is None:
            return
        live = self._ingestor.live
        before, live.collection = live.collection, target
        log.info("another collection answers", collection=target.name)
        await live.retire(before)

    async def _follow(self) -> None:
        """Take the collection that another process has switched to."""
        active = await in_thread(self._store.active_collection)
        if self._ingestor is None or active is None or active.name == self._ingestor.live.collection.name:
            return
        target = await open_collection(active, self._settings)
        async with self._held_back():
            await to_its_end(self._take(target))
        await self._ingestor.repair()

    def _held_back(self) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._ingestor is None else self._ingestor.barrier.closed()

    async def _open(self, wish: Reindexing) -> Collection:
        """The collection that is to answer; nothing is changed if its embedder cannot be loaded."""
        known = await in_thread(self._store.collections)
        if wish.embedding is None:
            return await open_collection(require_former(known), self._settings)
        wanted = embedding_of(wish.embedding, self._settings.embedding)
        embedder = await in_thread(load_embedder, wanted, self._settings.data_dir)
        same = next((one for one in known if one.fingerprint == embedder.fingerprint), None)
        if same is not None and same.state == "active":
            await in_thread(embedder.close)
            raise InvalidRequestError(
                f"The collection that answers is of this embedder already: {wish.embedding['model']}",
                param="embedder",
                hint="Prompts count, too; number format and backend do not.",
            )
        name = same.name if same else _name(self._settings.index.collection, embedder.fingerprint)
        target = await opened(embedder, self._settings, name)
        try:
            await in_thread(self._store.add_collection, record_of(name, embedder, wish.embedding))
        except BaseException:
            await target.close()
            raise
        return target


class _Work:
    """Makes a collection equal to what is current."""

    def __init__(
        self, store: Store, target: Collection, settings: Settings, reindexing_id: str, worker: str
    ) -> None:
        self.target = target
        self._store = store
        self._name = target.name or ""
        self._chunker = Chunker(store, lambda: target.embedder, settings.ingest)
        self._id = reindexing_id
        self._worker = worker
        self._looked = 0.0

    async def count(self) -> None:
        """Note how many documents are to be done."""
        await in_thread(
            self._store.begin_counting, self._id, await in_thread(self._store.lacking, self._name)
        )

    async def round(self) -> int:
        """Do what differs now; returns how many documents and removals there were."""
        done = await self._remove() + await self._move_expiries()
        async for batch in self._batches():
            await self._index(batch)
            done += len(batch)
            if time.monotonic() - self._looked > _LOOK_S:
                done += await self._remove()
        return done

    async def _batches(self) -> AsyncIterator[list[_Cut]]:
        """All that is missing, cut for this embedder, about as many chunks at a time as are embedded in one go."""
        after, batch, chunks = "", list[_Cut](), 0
        while page := await in_thread(self._store.unindexed, self._name, after, _PAGE):
            after = page[-1].id
            for record in page:
                document = replace(record.as_document(), groups=record.groups)
                split = await in_thread(self._chunker.split, document, record.version)
                if batch and chunks + len(split.chunks) > _BATCH:
                    yield batch
                    batch, chunks = [], 0
                batch.append(_Cut(record, split.chunks))
                chunks += len(split.chunks)
        if batch:
            yield batch

    async def _index(self, batch: Sequence[_Cut]) -> None:
        await in_thread(self._store.begin_indexing, self._name, [one.record for one in batch])
        chunks = [chunk for one in batch for chunk in one.chunks]
        for start in range(0, len(chunks), _BATCH):
            part = chunks[start : start + _BATCH]
            texts = [chunk.indexed_text for chunk in part]
            vectors = await in_thread(self.target.embedder.embed_documents, texts)
            await to_its_end(self.target.index.upsert(part, vectors))
        counts = {(one.record.id, one.record.version): len(one.chunks) for one in batch}
        groups = {one.record.id: one.record.groups for one in batch}
        await in_thread(self._store.end_indexing, self._name, self._id, self._worker, counts, groups)

    async def _remove(self) -> int:
        unwanted = await in_thread(self._store.unwanted, self._name)
        for one in unwanted:
            await self.target.index.delete_version(one.tenant, one.document_id, one.version)
            await in_thread(self._store.forget_indexed, self._name, one.document_id, one.version)
        self._looked = time.monotonic()
        return len(unwanted)

    async def _move_expiries(self) -> int:
        moved = await in_thread(self._store.moved_expiries, self._name)
        for record in moved:
            expires_at = record.marks.expires_at
            await self.target.index.set_expiry(record.tenant, record.id, record.version, expires_at)
            await in_thread(self._store.set_indexed_expiry, self._name, record)
        return len(moved)


def wish_of(settings: Settings, model: str | None, query_prompt: str, document_prompt: str) -> dict[str, Any]:
    """What `Store.request_reindexing` is asked: the settings' embedder, or another model with its prompts.

    A model that was tuned here goes by `NAME@NUMBER`. Raises `NotFoundError` if there is none.
    """
    if model is None:
        return deciding(settings.embedding)
    if is_ref(model):
        find_embedder(settings.data_dir, model)
    named = {"model": model, "query_prompt": query_prompt, "document_prompt": document_prompt}
    return deciding(settings.embedding.model_copy(update=named | {"address": None, "tokenizer": None}))


def _name(base: str, fingerprint: str) -> str:
    """A collection's name: the same for the same embedder, so that an interrupted one is found again."""
    return f"{base[:47]}-{hashlib.sha256(fingerprint.encode()).hexdigest()[:16]}"
