"""Searches as if some documents were not there, to see what Tandem does where the answer is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from server.services import Services
from tandem.index import Index, Query
from tandem.live import Live
from tandem.vocabulary import Passage, Scope

Versions = frozenset[tuple[str, str]]
"""Documents and the versions of them that count."""


@contextmanager
def leaving_out(services: Services, documents: Versions) -> Iterator[Services]:
    """The services, whose searches do not find these documents, for one or more questions."""
    with services.live.reading() as collection:
        index = cast(Index, _IndexWithout(collection.index, documents))
        yield replace(services, live=Live(replace(collection, index=index)))


class _IndexWithout:
    """Of an index nothing but its searches, without some documents."""

    def __init__(self, index: Index, documents: Versions) -> None:
        self._index = index
        self._documents = documents

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        return await self._index.search(scope, replace(query, besides=query.besides | self._documents))
