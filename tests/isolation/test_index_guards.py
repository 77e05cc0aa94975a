"""The index by itself: who writes names a tenant, and reaches nothing of another's."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from index_chunks import SETTINGS, VECTORS, chunk
from qdrant_client import AsyncQdrantClient

from tandem.index import Index, Query, open_index
from tandem.index.server import ServerIndex
from tandem.vocabulary import Scope, document_id

THEIRS = document_id("other", "docs", "a.md")


@pytest.fixture(params=["edge", "server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    if request.param == "edge":
        index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    else:
        client = AsyncQdrantClient(":memory:")
        index = await ServerIndex.open(client, SETTINGS, dimension=4, fingerprint="f")
    for tenant in ("acme", "other"):
        await index.upsert([chunk("Zorbium", 0, tenant=tenant)], VECTORS[:1])
    yield index
    await index.close()


async def found(index: Index) -> int:
    return len(await index.search(Scope("other", groups=()), Query("Zorbium", VECTORS[0], 5)))


async def test_another_tenants_chunks_do_not_expire_change_hands_or_go(index: Index) -> None:
    await index.set_expiry("acme", THEIRS, "v1", datetime(2020, 1, 1, tzinfo=UTC))
    assert await found(index) == 1
    await index.set_groups("acme", THEIRS, ("legal",))
    assert await found(index) == 1
    assert await index.delete_version("acme", THEIRS, "v1") == 0
    assert await index.delete("acme") == 1
    assert await found(index) == 1
