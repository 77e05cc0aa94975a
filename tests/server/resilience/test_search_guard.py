"""Searches whose index or store fails."""

import asyncio

import pytest

from server.resilience.search_guard import guarded
from tandem.breaker import Breaker
from tandem.errors import NotFoundError, StorageError, UnavailableError


async def test_what_a_disk_refuses_is_unavailable_to_who_asks() -> None:
    with pytest.raises(UnavailableError, match="the segment is gone"):
        async with guarded(Breaker(5, 5.0), None):
            raise StorageError("the segment is gone")


async def test_a_store_that_hangs_is_given_up() -> None:
    with pytest.raises(UnavailableError, match="in time"):
        async with guarded(Breaker(5, 5.0), 0.05):
            await asyncio.sleep(10)


async def test_after_failures_in_a_row_nobody_waits_and_one_tries() -> None:
    now = [0.0]
    breaker = Breaker(2, 5.0, lambda: now[0])
    for _ in range(2):
        with pytest.raises(UnavailableError, match="out of reach"):
            async with guarded(breaker, None):
                raise UnavailableError("out of reach")
    reached = False
    with pytest.raises(UnavailableError, match="left alone") as caught:
        async with guarded(breaker, None):
            reached = True
    assert not reached
    assert caught.value.retry_after == 5
    now[0] = 5.0
    async with guarded(breaker, None):
        reached = True
    assert reached
    assert breaker.is_closed


async def test_a_fault_of_the_request_is_none_of_the_parts() -> None:
    breaker = Breaker(1, 5.0)
    with pytest.raises(NotFoundError):
        async with guarded(breaker, None):
            raise NotFoundError("no such corpus")
    assert breaker.is_closed
