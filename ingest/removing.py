"""Removes documents, corpora and tenants for good, and says what was removed where."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

from ingest.beside import Beside
from ingest.locks import Barrier, to_its_end
from ingest.writing import Writer
from tandem.errors import NotFoundError, StorageError, UnavailableError
from tandem.live import Live
from tandem.store import Hold, Receipt, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller


class Remover:
    """Takes things from every reader at once, then from index, store and traces.

    Every step can be done again: a removal that was interrupted is finished by the next one, or by the
    next start, and no reader sees what is left until then.
    """

    def __init__(
        self,
        store: Store,
        live: Live,
        writer: Writer,
        worker: str | None,
        barrier: Barrier,
        beside: Beside | None,
    ) -> None:
        self._store = store
        self._live = live
        self._writer = writer
        self._worker = worker
        self._barrier = barrier
        self._beside = beside
        self._ended: set[str] = set()

    async def document(self, caller: Caller, corpus: str, document_id: str) -> Receipt:
        """Remove a document. Raises `NotFoundError`."""
        async with self._barrier.passed(), self._writer.locks.of(document_id):
            uri = await self._uri(caller, corpus, document_id)
            await self._writer.release_duplicates(document_id, None)
            return await to_its_end(self._document(caller, corpus, document_id, uri))

    async def corpus(self, caller: Caller, corpus: str) -> Receipt:
        """Remove a corpus with its documents, jobs and settings. Raises `NotFoundError`."""
        async with self._barrier.passed():
            if not await in_thread(self._store.holds, caller.tenant, corpus):
                await in_thread(self._store.documents, caller, corpus, 1)  # says which there are
            return await to_its_end(self._scope(caller, corpus))

    async def tenant(self, caller: Caller) -> Receipt:
        """Remove all that the caller's tenant has. The receipt itself is then all that is kept of it."""
        async with self._barrier.passed():
            return await to_its_end(self._scope(caller, None))

    async def from_beside(self) -> int:
        """Remove from collections that do not answer what an interrupted removal has left; returns the chunks."""
        return 0 if self._beside is None else await self._beside.erase_vanished()

    async def end_holds(self) -> None:
        """Let writes begin again where a removal has ended, also one that failed."""
        for hold_id in list(self._ended):
            await in_thread(self._store.end_hold, hold_id)
            self._ended.discard(hold_id)

    async def _uri(self, caller: Caller, corpus: str, document_id: str) -> str:
        """Of the document, also if an interrupted removal has left it half done. Raises `NotFoundError`."""
        record = await in_thread(self._store.document_or_none, caller, corpus, document_id)
        if record is not None:
            return record.uri
        for one in await in_thread(self._store.leftovers, document_id, self._worker):
            if (one.tenant, one.corpus) == (caller.tenant, corpus):
                return one.uri
        raise NotFoundError(f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id")

    async def _document(self, caller: Caller, corpus: str, document_id: str, uri: str) -> Receipt:
        with suppress(NotFoundError):  # it was taken from its readers before, and is swept now
            await in_thread(self._store.delete_document, caller, corpus, document_id)
        # Once more: a copy may have been linked to it until now.
        await self._writer.release_duplicates(document_id, None)
        # What knows its address goes before its row: a removal that stops here can still be repeated.
        removed = await in_thread(self._store.erase_document, caller.tenant, corpus, document_id, uri)
        swept = await self._writer.sweep(document_id)
        removed |= {"index.chunks": swept.chunks, "store.versions": swept.versions}
        removed["index.chunks"] += await self.from_beside()
        return await self._receipt(caller, corpus, document_id, removed)

    async def _scope(self, caller: Caller, corpus: str | None) -> Receipt:
        removed, written = await self._emptied(caller.tenant, corpus)
        for document_id in written:
            # Whoever writes it holds its lock until he has seen that it was retired.
            async with self._writer.locks.of(document_id):
                swept = await self._writer.sweep(document_id)
            removed["store.versions"] += swept.versions
            removed["index.chunks"] += swept.chunks
        removed["index.chunks"] += await self.from_beside()
        return await self._receipt(caller, corpus, None, removed)

    async def _emptied(self, tenant: str, corpus: str | None) -> tuple[dict[str, int], list[str]]:
        """What was removed, and the documents that were just being written; nothing else begins meanwhile."""
        wanted = None if self._worker is None else Hold(str(uuid4()), self._worker)
        try:
            removed, written = await in_thread(self._store.retire, tenant, corpus, wanted)
            collection = self._live.collection
            removed["index.chunks"] = await collection.index.delete(tenant, corpus)
            removed["store.versions"] = await in_thread(
                self._store.erase_versions, tenant, corpus, written, collection.name, self._worker
            )
            return removed, written
        finally:
            if wanted is not None:
                self._ended.add(wanted.id)
                with suppress(StorageError, UnavailableError):  # then the next repair does it
                    await self.end_holds()

    async def _receipt(
        self, caller: Caller, corpus: str | None, document_id: str | None, removed: dict[str, int]
    ) -> Receipt:
        receipt = Receipt(str(uuid4()), caller.tenant, corpus, document_id, datetime.now(UTC), removed)
        await in_thread(self._store.add_receipt, receipt, caller.subject)
        await in_thread(self._store.empty_log)
        return receipt
