"""Searches as if some documents were not there, to see what Tandem does where the answer is missing."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import TypeVar, cast

from server.answering.answer import answer
from server.answering.types import Answer, Question, ReasoningDelta, TextDelta
from server.services import Services
from tandem.errors import NotFoundError
from tandem.index import Index, Query
from tandem.live import Live
from tandem.store import DocumentRecord, Store
from tandem.threads import in_thread
from tandem.vocabulary import Caller, Passage, Scope, document_id

T = TypeVar("T")
Versions = frozenset[tuple[str, str]]
"""Documents and the versions of them that count."""


@contextmanager
def leaving_out(services: Services, documents: Versions) -> Iterator[Services]:
    """The services, whose searches do not find these documents, for one or more questions."""
    with services.live.reading() as collection:
        index = cast(Index, _IndexWithout(collection.index, documents))
        yield replace(services, live=Live(replace(collection, index=index)))


async def answer_without(
    question: Question, documents: Sequence[str], services: Services
) -> AsyncGenerator[TextDelta | ReasoningDelta | Answer, None]:
    """What the question would be answered without these documents, named by id or address. Nothing is kept.

    Raises as `answer`, and `NotFoundError` for a document that is not in the corpora that are searched.
    """
    left_out = await in_thread(versions_of, question.caller, question.corpora, documents, services.store)
    with leaving_out(services, frozenset(left_out.items())) as narrowed:
        async with aclosing(answer(question, narrowed, kept=False)) as events:
            async for event in events:
                yield event


def versions_of(
    caller: Caller, corpora: Sequence[str] | None, documents: Sequence[str], store: Store
) -> dict[str, str]:
    """Current versions of documents, by id, and of those that are searched in their place.

    A document is named by its id or its address; `corpora` are all of the caller's when `None`. Raises
    `NotFoundError`.
    """
    known = [one.name for one in store.corpora(caller)] if corpora is None else corpora
    found: dict[str, str] = {}
    for name in documents:
        for record in _records(caller, known, name, store):
            found[record.id] = record.version
            if record.duplicate_of is not None:
                found |= store.current_versions(caller.tenant, [record.duplicate_of])
    return found


def _records(caller: Caller, corpora: Sequence[str], name: str, store: Store) -> list[DocumentRecord]:
    """The document of this id, or those of this address, of which each corpus may have one."""
    found = [
        record
        for corpus in corpora
        for one in (name, document_id(caller.tenant, corpus, name))
        if (record := store.document_or_none(caller, corpus, one)) is not None
    ]
    if not found:
        where = f"corpus {corpora[0]!r}" if len(corpora) == 1 else "these corpora"
        raise NotFoundError(
            f"There is no document {name!r} in {where}",
            param="documents",
            hint="Name it by its id or its address, as `tandem documents list` prints them.",
        )
    return found


class _IndexWithout:
    """Of an index nothing but its searches, without some documents."""

    def __init__(self, index: Index, documents: Versions) -> None:
        self._index = index
        self._documents = documents

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        return await self._index.search(scope, self._narrowed(query))

    async def search_with(
        self, scope: Scope, query: Query, look: Callable[[list[Passage]], T]
    ) -> tuple[list[Passage], T]:
        return await self._index.search_with(scope, self._narrowed(query), look)

    def foreign_hits(self) -> int:
        return self._index.foreign_hits()

    def _narrowed(self, query: Query) -> Query:
        return replace(query, besides=query.besides | self._documents)
