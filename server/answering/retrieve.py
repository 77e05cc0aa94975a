"""Finds the passages for a question: only what the caller may see, only of current document versions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

import structlog

from server.answering.asked import AskedVector
from server.answering.read import as_parents, readable
from server.answering.rerank import rerank
from server.answering.timings import Timings
from server.resilience.search_guard import guarded
from server.services import Services
from tandem.breaker import Breaker
from tandem.errors import NotFoundError
from tandem.index import Index, Query
from tandem.retrieval_profile import RetrievalProfile
from tandem.store import Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Passage, Scope, Where

log = structlog.get_logger(__name__)

_SEARCHES = 6
"""Most searches for one question. A second is rare, a third needs a switch, or further stale versions, between."""


async def retrieve(
    caller: Caller,
    text: str,
    corpora: tuple[str, ...] | None,
    where: Where,
    profile: RetrievalProfile,
    services: Services,
    timings: Timings,
    asked: AskedVector | None = None,
) -> list[Passage]:
    """The best passages, best first, at most `profile.passages`: reranked, parents for chunks, as read.

    The vector of `text` is taken from `asked`, or left there.

    Raises `NotFoundError` for a corpus that the caller does not have, `InvalidRequestError` for a key of
    `where` that cannot be one, and `UnavailableError` within a second where index or store cannot be asked.
    """
    search, patience_s = services.resilience.search, services.store.patience_s
    if corpora is not None:
        async with guarded(search, patience_s):
            await _check_corpora(caller, corpora, services)
    # One collection for the whole question: its vectors are of its own embedder.
    with services.live.reading() as collection:
        # More than wanted: what a better one has already brought falls away.
        wanted = 2 * profile.passages
        if profile.reranking:
            wanted = max(wanted, profile.reranking.candidates)
        asked, begun = asked or AskedVector(), perf_counter()
        vector = asked.begun(text, collection.embedder)
        query = Query(text, vector, wanted, profile.leg, profile.fusion)
        scope = Scope.of(caller, corpora, where)
        # Begun while the question is embedded: its words can be looked for meanwhile.
        async with _begun(search_current(scope, query, collection.index, services.store), search) as found:
            await asked.of(text, collection.embedder)
            embedded = max(asked.came_at, begun)
            timings.add("embed", embedded - begun)
            async with guarded(search, patience_s):
                current = await found
            timings.add("retrieve", perf_counter() - embedded)
        services.metrics.foreign_hits(collection.index.foreign_hits())
    if profile.reranking:
        with timings.step("rerank"):
            current = await rerank(text, current, profile.reranking, services.rerankers, services.metrics)
    return readable(as_parents(current), profile.passages, profile.reading)


@asynccontextmanager
async def _begun(
    searching: Coroutine[Any, Any, list[Passage]], breaker: Breaker
) -> AsyncIterator[Awaitable[list[Passage]]]:
    """The search, begun at once unless searches fail; it is given up where the block ends without it."""
    if not breaker.is_closed:
        with closing(searching):
            yield searching
        return
    task = asyncio.create_task(searching)
    try:
        yield task
    finally:
        task.cancel()
        # What it came to is told by whoever waited for it, or by nobody.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())


async def search_current(scope: Scope, query: Query, index: Index, store: Store) -> list[Passage]:
    """The best passages of the versions that count, best first, at most `query.limit`.

    While a document is replaced the index holds both of its versions. What is found of the one that does not
    count is left out and the search made again, or it would hide the other one, and those below it. It ends
    when what was left out does still not count, for the versions may have switched in between.
    """
    for _ in range(_SEARCHES):
        look = partial(_stale, scope, query.besides, store)
        found, stale = await index.search_with(scope, query, look)
        if stale == query.besides:
            return found
        query = replace(query, besides=stale)
    return [passage for passage in found if _version(passage) not in stale]


def _stale(
    scope: Scope, besides: frozenset[tuple[str, str]], store: Store, found: Sequence[Passage]
) -> frozenset[tuple[str, str]]:
    """The versions that do not count now, of those that were found and of those that were left out. Blocking.

    The store says which are of the tenant, of its corpora, current, and of groups that whoever asks has: it knows
    at once what the index may hear of later.
    """
    seen = besides.union(map(_version, found))
    documents = sorted({document for document, _ in seen})
    return seen - store.visible_versions(scope, documents).items()


def _version(passage: Passage) -> tuple[str, str]:
    return passage.chunk.document_id, passage.chunk.version


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
