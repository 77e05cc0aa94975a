"""Finds the passages for a question: only the caller's, only of current document versions."""

from dataclasses import replace

import structlog

from server.answering.timings import Timings
from server.services import Services
from tandem.errors import NotFoundError
from tandem.index import Query
from tandem.recipes import RetrievalProfile
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Passage, Scope, Where

log = structlog.get_logger(__name__)


async def retrieve(
    caller: Caller,
    text: str,
    corpora: tuple[str, ...] | None,
    where: Where,
    profile: RetrievalProfile,
    services: Services,
    timings: Timings,
) -> list[Passage]:
    """The best passages, best first, at most `profile.passages`; a chunk with a parent is read as its parent.

    Raises `NotFoundError` for a corpus that the caller does not have, `InvalidRequestError` for a key of
    `where` that cannot be one.
    """
    if corpora is not None:
        await _check_corpora(caller, corpora, services)
    # One collection for the whole question: its vectors are of its own embedder.
    with services.live.reading() as collection:
        with timings.step("embed"):
            vector = await collection.embedder.embed_query(text)
        with timings.step("retrieve"):
            # More than wanted: those of a version that is just being replaced, and chunks of a parent that
            # a better one has already brought, fall away below.
            query = Query(text, vector, 2 * profile.passages, profile.leg)
            found = await collection.index.search(Scope.of(caller, corpora, where), query)
            current = await _current(caller, found, services)
    return as_read(current)[: profile.passages]


def as_read(passages: list[Passage]) -> list[Passage]:
    """Each chunk that has a parent replaced by it, a parent once, where its best chunk stood."""
    read: dict[tuple[str, int, int], Passage] = {}
    for passage in passages:
        chunk, parent = passage.chunk, passage.chunk.parent
        if parent is not None:
            chunk = replace(chunk, text=parent.text, start=parent.start, end=parent.end)
        place = (chunk.document_id, chunk.start, chunk.end)
        read.setdefault(place, replace(passage, chunk=chunk))
    return list(read.values())


async def _current(caller: Caller, found: list[Passage], services: Services) -> list[Passage]:
    """The passages that the store also knows as this tenant's, of the version that is current."""
    documents = sorted({passage.chunk.document_id for passage in found})
    versions = await in_thread(services.store.current_versions, caller.tenant, documents)
    return [passage for passage in found if versions.get(passage.chunk.document_id) == passage.chunk.version]


async def _check_corpora(caller: Caller, corpora: tuple[str, ...], services: Services) -> None:
    known = {corpus.name for corpus in await in_thread(services.store.corpora, caller)}
    for corpus in corpora:
        if corpus not in known:
            raise NotFoundError(
                f"There is no corpus {corpus!r}",
                param="tandem.corpora",
                hint=f"Known: {', '.join(sorted(known))}."
                if known
                else "Ingest one: tandem ingest PATH --corpus NAME",
            )
