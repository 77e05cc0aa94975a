"""Gathers what comes back from the cluster until a document is whole."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from ingest.cluster.rows import Begun, Failed, Kind, Row, Told
from tandem.errors import TandemError, UnavailableError


class Arrivals:
    """A promise for each place of a job: what was told of its document, once all its chunks are written."""

    def __init__(self, places: Iterable[int]) -> None:
        """Made within the event loop."""
        loop = asyncio.get_running_loop()
        self._whole: dict[int, asyncio.Future[Told]] = {place: loop.create_future() for place in places}
        self._told: dict[int, Told] = {}
        self._missing: Counter[int] = Counter()
        self._lost: dict[int, TandemError] = {}

    async def of(self, place: int) -> Told:
        """What was told; a failure only when nothing of the document is under way any more."""
        return await self._whole[place]

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows, in any order."""
        touched = set()
        for place, kind, body in rows:
            touched.add(place)
            if kind is Kind.TOLD:
                self._told[place] = body
                self._missing[place] += body.chunks if isinstance(body, Begun) else 0
                continue
            self._missing[place] -= 1
            if kind is Kind.LOST:
                self._lost[place] = body
        for place in touched:
            if place in self._told and not self._missing[place]:
                lost = self._lost.get(place)
                self._settle(place, Failed(lost) if lost else self._told[place])

    def end(self) -> None:
        """Nothing more comes: what is not whole has failed, and may be tried again."""
        for place in self._whole:
            self._settle(place, Failed(UnavailableError("The cluster has lost the document on its way")))

    def _settle(self, place: int, told: Told) -> None:
        if not self._whole[place].done():
            self._whole[place].set_result(told)
