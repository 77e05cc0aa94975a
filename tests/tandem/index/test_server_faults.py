"""A Qdrant server that is out of reach, silent or garbled, behind a proxy of TCP: searches say so within their time."""

import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import numpy as np
import pytest
from fault_proxy import FaultProxy
from index_chunks import chunk
from qdrant_stand_in import stand_in

from tandem.errors import UnavailableError
from tandem.index.protocol import Query
from tandem.index.server import ServerIndex, connect
from tandem.settings import IndexSettings
from tandem.vocabulary import Scope

VECTOR = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)
QUERY = Query("gate", VECTOR, 3)
SCOPE = Scope("acme")


@pytest.fixture(scope="module")
def proxy():
    with stand_in() as server:
        address = urlsplit(server.url)
        with FaultProxy.before(address.hostname, address.port) as proxy:
            yield proxy


@pytest.fixture
async def index(proxy: FaultProxy) -> AsyncIterator[ServerIndex]:
    proxy.mode = "pass"
    settings = IndexSettings(url=proxy.url, timeout_s=0.3)
    index = await ServerIndex.open(connect(settings), settings, dimension=4, fingerprint="f")
    await index.upsert([chunk("The gate closes at seven.", 0)], VECTOR[None, :])
    yield index
    await index.close()


@pytest.mark.parametrize("mode", ["refuse", "silent", "reset", "garble"])
async def test_a_search_is_unavailable_in_time_and_works_again_when_the_server_is_back(
    proxy: FaultProxy, index: ServerIndex, mode: str
) -> None:
    assert await index.search(SCOPE, QUERY)
    proxy.mode = mode
    begun = time.monotonic()
    with pytest.raises(UnavailableError):
        await index.search(SCOPE, QUERY)
    assert time.monotonic() - begun < 5
    proxy.mode = "pass"
    assert await index.search(SCOPE, QUERY)


async def test_an_answer_that_is_no_search_result_is_unavailable(index: ServerIndex, monkeypatch) -> None:
    class Point:
        id, score, payload, vector = 1, 0.5, None, None

    class Leg:
        points = (Point(),)

    for legs in ([], [Leg()], [Leg(), Leg()]):

        async def garbled(*_: object, answer: object = legs, **__: object) -> object:
            return answer

        monkeypatch.setattr(index._client, "query_batch_points", garbled)
        with pytest.raises(UnavailableError, match="cannot be read"):
            await index.search(SCOPE, QUERY)
