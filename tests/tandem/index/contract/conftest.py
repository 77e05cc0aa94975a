"""A Qdrant server: yours where `QDRANT_URL` is set (with `QDRANT_API_KEY`, `QDRANT_CA_FILE`), else the stand-in.

With `QDRANT_GRPC_PORT` too, the same is asked over gRPC, and what only HTTP shows is skipped.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from contract_opening import Opened, Opening
from qdrant_client import AsyncQdrantClient
from qdrant_contract import Recorder
from qdrant_stand_in import stand_in

from tandem.index.server import ServerIndex, connect, drop
from tandem.settings import IndexSettings


@pytest.fixture(scope="session")
def server() -> Iterator[IndexSettings]:
    if url := os.environ.get("QDRANT_URL"):
        asked = {"api_key": "QDRANT_API_KEY", "ca_file": "QDRANT_CA_FILE", "grpc_port": "QDRANT_GRPC_PORT"}
        given = {name: os.environ[variable] for name, variable in asked.items() if variable in os.environ}
        yield IndexSettings.model_validate({"url": url, "timeout_s": 10, **given})
        return
    with stand_in() as served:
        yield IndexSettings(url=served.url, timeout_s=10)


@pytest.fixture
def over_http(server: IndexSettings) -> None:
    """For tests that look at the requests themselves."""
    if server.grpc_port is not None:
        pytest.skip("asked over gRPC: no HTTP request to look at")


@pytest.fixture
async def opening(server: IndexSettings) -> AsyncIterator[Opening]:
    """Opens an index under settings of the test's own, in a collection that is gone afterwards."""
    name = f"tandem-contract-{secrets.token_hex(8)}"
    clients: list[AsyncQdrantClient] = []

    async def open_index(**settings: object) -> Opened:
        wanted = IndexSettings.model_validate(server.model_dump() | {"collection": name} | settings)
        client = connect(wanted)
        clients.append(client)
        recorder = Recorder.of(client)
        index = await ServerIndex.open(client, wanted, dimension=4, fingerprint="f")
        return Opened(index, client, recorder, wanted)

    yield open_index
    last = connect(server)
    await drop(last, name)
    for client in (*clients, last):
        await client.close()
