"""No tenant sees, hides, counts or removes another's chunks; and a guard that is taken away is noticed.

A second look drops what an engine should not have returned, so a missing filter leaks nothing by itself. It
shows in what it costs: others' chunks take the places of the tenant's own.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from index_chunks import SETTINGS, VECTORS, chunk
from qdrant_client import AsyncQdrantClient

from tandem.index import Index, Leg, Query, open_index
from tandem.index import server as server_module
from tandem.index import tenant as tenant_module
from tandem.index.marks import AnyOf, conditions_within
from tandem.index.server import ServerIndex
from tandem.index.tenants import Tenants
from tandem.vocabulary import Passage, Scope, document_id

OWN, OTHERS = 3, 40
WORD = "Zorbium"


async def opened(kind: str, folder: Path) -> Index:
    if kind == "edge":
        return await open_index(SETTINGS, folder, dimension=4, fingerprint="f")
    return await ServerIndex.open(AsyncQdrantClient(":memory:"), SETTINGS, dimension=4, fingerprint="f")


async def check_isolation(index: Index) -> None:
    """Others have more chunks, and better ones for the question. Raises `AssertionError` for each breach."""
    theirs = [chunk(f"{WORD} {WORD} {WORD}", n, tenant="other") for n in range(OTHERS)]
    await index.upsert(theirs, VECTORS[[0] * OTHERS])
    own = [chunk(f"much is written here about {WORD} among other things", n) for n in range(OWN)]
    await index.upsert(own, VECTORS[[1] * OWN])
    for leg in Leg:
        found = await index.search(Scope("acme"), Query(WORD, VECTORS[0], OWN, leg))
        assert {passage.chunk.tenant for passage in found} == {"acme"}
        assert len(found) == OWN, "another tenant's chunks took the place of the tenant's own"
    assert await index.count(Scope("acme")) == OWN
    assert await index.delete_version("acme", document_id("other", "docs", "a.md"), "v1") == 0
    assert await index.delete("acme") == OWN
    assert await index.count(Scope("other")) == OTHERS


@pytest.mark.parametrize("kind", ["edge", "server"])
async def test_tenants_are_apart(kind: str, tmp_path: Path) -> None:
    index = await opened(kind, tmp_path)
    await check_isolation(index)
    await index.close()


def without_tenant(scope: Scope) -> Iterator[AnyOf]:
    """The mutant of `tandem.index.marks.conditions`: it lacks the line that names the tenant."""
    yield from conditions_within(scope)


def everything(scope: Scope, passages: list[Passage], now: float, foreign: object) -> list[Passage]:
    """The mutant of `tandem.index.points.within`: it looks at nothing."""
    return passages


def in_one_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant of `Tenants`: every tenant gets the same shard."""
    using, making = Tenants.using, Tenants.making
    monkeypatch.setattr(Tenants, "using", lambda self, tenant: using(self, "everybody"))
    monkeypatch.setattr(Tenants, "making", lambda self, tenant: making(self, "everybody"))


@pytest.mark.parametrize("second_look", [True, False])
@pytest.mark.parametrize("kind", ["edge", "server"])
async def test_a_tenant_filter_that_is_taken_away_makes_the_test_fail(
    kind: str, second_look: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "edge":
        in_one_shard(monkeypatch)
    else:
        monkeypatch.setattr(server_module, "conditions", without_tenant)
    if not second_look:
        monkeypatch.setattr(tenant_module, "within", everything)
        monkeypatch.setattr(server_module, "within", everything)
    index = await opened(kind, tmp_path)
    with pytest.raises(AssertionError):
        await check_isolation(index)
    await index.close()
