"""Finds the passages for a question: only the caller's, only of current document versions."""

import structlog

from server.answering.timings import Timings
from server.services import Services
from tandem.errors import NotFoundError
from tandem.index import Query
from tandem.recipes import RetrievalProfile
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Passage, Scope

log = structlog.get_logger(__name__)


async def retrieve(
    caller: Caller,
    text: str,
    corpora: tuple[str, ...] | None,
    profile: RetrievalProfile,
    services: Services,
    timings: Timings,
) -> list[Passage]:
    """The best passages, best first, at most `profile.passages`.

    Raises `NotFoundError` for a corpus that the caller does not have.
    """
    if corpora is not None:
        await _check_corpora(caller, corpora, services)
    with timings.step("embed"):
        vector = await services.embedder.embed_query(text)
    with timings.step("retrieve"):
        # Twice as many as wanted: those of a version that is just being replaced fall away below.
        query = Query(text, vector, 2 * profile.passages, profile.leg)
        found = await services.index.search(Scope.of(caller, corpora), query)
        current = await _current(caller, found, services)
    return current[: profile.passages]


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
