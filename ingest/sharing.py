"""Changes who may see a document; index, links and answers follow at once.

The store has the last word on who sees what, and every question asks it. The index is only a sieve before it:
too wide a sieve costs a second look, too narrow a one hides what may be seen. So it is made wide before the
store changes, and narrow after.
"""

from collections.abc import Sequence

from ingest.locks import Barrier, to_its_end
from ingest.writing import Writer
from tandem.access_groups import check_own, checked_groups
from tandem.errors import NotFoundError
from tandem.live import Live
from tandem.store import DocumentRecord, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller


class Sharer:
    """Gives documents access groups."""

    def __init__(self, store: Store, live: Live, writer: Writer, barrier: Barrier) -> None:
        self._store = store
        self._live = live
        self._writer = writer
        self._barrier = barrier

    async def document(
        self, caller: Caller, corpus: str, document_id: str, groups: Sequence[str]
    ) -> DocumentRecord:
        """Let callers of these groups see a document, all of its tenant where there are none.

        Raises `NotFoundError` for one that the caller may not see, `ForbiddenError` for groups that are not the
        caller's, `InvalidRequestError` for what cannot be one.
        """
        wanted = checked_groups(groups)
        check_own(caller, wanted)
        async with self._barrier.passed(), self._writer.locks.of(document_id):
            return await self.held(caller, await self._record(caller, corpus, document_id), wanted)

    async def held(self, caller: Caller, record: DocumentRecord, wanted: tuple[str, ...]) -> DocumentRecord:
        """The same where the caller has passed the barrier and holds the document's lock."""
        if record.groups == wanted:
            return record
        corpus, known = record.corpus, record.id
        # What is searched through another one, whose callers are then others, gets its own place before.
        await self._writer.part_from_others(known, wanted)
        if record.duplicate_of is not None:
            await self._writer.write_by_itself(record, wanted)
        await to_its_end(self._switch(caller, corpus, known, wanted))
        await self._writer.part_from_others(known, wanted)
        return await self._record(caller, corpus, known, unseen=wanted)

    async def _switch(self, caller: Caller, corpus: str, document_id: str, wanted: tuple[str, ...]) -> None:
        index = self._live.collection.index
        await index.set_groups(caller.tenant, document_id, ())
        await in_thread(self._store.set_groups, caller, corpus, document_id, wanted)
        await self._writer.settle_groups(caller.tenant, document_id, ())

    async def _record(
        self, caller: Caller, corpus: str, document_id: str, unseen: tuple[str, ...] = ()
    ) -> DocumentRecord:
        """The document. Raises `NotFoundError`, but not for who has just shared it with others (`unseen`)."""
        reader = Caller(caller.tenant, groups=None) if unseen else caller
        record = await in_thread(self._store.document_or_none, reader, corpus, document_id)
        if record is None:
            raise NotFoundError(
                f"There is no document {document_id!r} in corpus {corpus!r}", param="document_id"
            )
        return record
