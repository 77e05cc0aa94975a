"""A document is told when all of it is there, and not before."""

import asyncio
from datetime import UTC, datetime

import pytest

from ingest.cluster.arrivals import Arrivals
from ingest.cluster.rows import Begun, Failed, Kind, Unchanged, rows_of, table_of
from ingest.duplicates import Likeness
from ingest.reading import Reading
from tandem.errors import StorageError, UnavailableError
from tandem.vocabulary import Document

_DOCUMENT = Document("default", "docs", "file:///a", "A", "text/plain", "Some words.", "0" * 64)


def _begun(chunks: int) -> Begun:
    reading = Reading(_DOCUMENT, "v1", [], 3, [], ())
    return Begun(reading, chunks, Likeness.of(_DOCUMENT, 0.9), None)


async def _is_told(arrivals: Arrivals, place: int) -> bool:
    try:
        async with asyncio.timeout(0.01):
            await asyncio.shield(asyncio.ensure_future(arrivals.of(place)))
    except TimeoutError:
        return False
    return True


async def test_a_document_is_whole_with_its_last_chunk() -> None:
    arrivals = Arrivals([7])
    arrivals.add([(7, Kind.TOLD, _begun(2)), (7, Kind.WRITTEN, None)])
    assert not await _is_told(arrivals, 7)
    arrivals.add([(7, Kind.WRITTEN, None)])
    assert isinstance(await arrivals.of(7), Begun)


async def test_chunks_may_come_before_what_was_told() -> None:
    arrivals = Arrivals([7])
    arrivals.add([(7, Kind.WRITTEN, None), (7, Kind.WRITTEN, None)])
    assert not await _is_told(arrivals, 7)
    arrivals.add([(7, Kind.TOLD, _begun(2))])
    assert isinstance(await arrivals.of(7), Begun)


async def test_a_lost_chunk_fails_its_document_only_when_nothing_of_it_is_under_way() -> None:
    arrivals = Arrivals([7, 8])
    lost = StorageError("no room")
    arrivals.add([(7, Kind.LOST, lost), (7, Kind.TOLD, _begun(2)), (8, Kind.TOLD, _begun(1))])
    assert not await _is_told(arrivals, 7)
    arrivals.add([(7, Kind.WRITTEN, None), (8, Kind.WRITTEN, None)])
    assert await arrivals.of(7) == Failed(lost)
    assert isinstance(await arrivals.of(8), Begun)


async def test_what_never_came_may_be_tried_again() -> None:
    arrivals = Arrivals([7, 8])
    arrivals.add([(8, Kind.TOLD, Unchanged(None))])
    arrivals.end()
    told = await arrivals.of(7)
    assert isinstance(told, Failed)
    assert isinstance(told.error, UnavailableError)
    assert await arrivals.of(8) == Unchanged(None)


def test_rows_come_out_of_a_table_as_they_went_in() -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    rows = [(1, Kind.TOLD, Unchanged(until)), (2, Kind.TOLD, _begun(3)), (2, Kind.WRITTEN, None)]
    assert list(rows_of(table_of(rows))) == rows


def test_an_error_keeps_its_hint_on_the_way() -> None:
    error = UnavailableError("gone", hint="wait", param="index.url", retry_after=5)
    ((_, _, told),) = rows_of(table_of([(1, Kind.TOLD, Failed(error))]))
    assert told.error.body() == error.body()
    assert told.error.retry_after == 5


@pytest.mark.parametrize("rows", [[], [(1, Kind.WRITTEN, None)]])
def test_a_table_may_be_empty(rows: list) -> None:
    assert list(rows_of(table_of(rows))) == rows
