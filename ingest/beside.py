"""The collections that do not answer: what is removed must leave them, too, and all of them can be dropped."""

from tandem.errors import ConflictError, IndexOwnedError
from tandem.index import drop_collection
from tandem.live import open_index_of
from tandem.settings import Settings
from tandem.store import CollectionRecord, Store
from tandem.threads import in_thread


class Beside:
    """Opens such a collection for a moment, without its embedder."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def erase_vanished(self) -> int:
        """Remove the chunks of documents that are gone; returns how many there were.

        While a re-embedding runs nothing is done here: the collections are in its hands, and it removes them.
        """
        if await in_thread(self._store.is_reindexing):
            return 0
        removed = 0
        for known in await self._others():
            try:
                removed += await self._erase(known)
            except IndexOwnedError:
                continue  # a re-embedding has just begun
        return removed

    async def drop(self) -> list[str]:
        """Drop all of them, and give up a re-embedding that was interrupted; returns their names.

        Raises `ConflictError` while a re-embedding runs.
        """
        if await in_thread(self._store.is_reindexing):
            raise ConflictError("A re-embedding runs", hint="Drop when it has ended: tandem status")
        await in_thread(self._store.give_up_reindexing)
        others = await self._others()
        for known in others:
            # In this order, one that is half dropped is never taken for one that holds something.
            await in_thread(self._store.clear_collection, known.name)
            await drop_collection(self._settings.index, self._settings.data_dir, known.name)
            await in_thread(self._store.forget_collection, known.name)
        return [known.name for known in others]

    async def _erase(self, known: CollectionRecord) -> int:
        vanished = await in_thread(self._store.unwanted, known.name, vanished=True)
        if not vanished:
            return 0
        removed = 0
        index = await open_index_of(known, self._settings)
        try:
            for one in vanished:
                removed += await index.delete_version(one.tenant, one.document_id, one.version)
                await in_thread(self._store.forget_indexed, known.name, one.document_id, one.version)
        finally:
            await index.close()
        return removed

    async def _others(self) -> list[CollectionRecord]:
        known = await in_thread(self._store.collections)
        return [one for one in known if one.state != "active"]
