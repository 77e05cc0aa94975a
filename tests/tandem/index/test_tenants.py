"""Shards of tenants: opened when wanted, closed when others are wanted more, removed with their files."""

import asyncio
from pathlib import Path

import pytest
from index_chunks import VECTORS, chunk

from tandem.errors import StorageError
from tandem.index import Leg, Query, open_index
from tandem.index.edge import EdgeIndex
from tandem.index.filters import filter_of
from tandem.index.foreign import ForeignHits
from tandem.index.tenant import TenantShard
from tandem.settings import IndexSettings
from tandem.vocabulary import Scope

FEW = IndexSettings(open_tenants=2, compact_after_chunks=4)
HOSTILE = ["../../escape", "/etc", "", "a\x00b", "名" * 500, "acme", "ACME"]


async def open_here(folder: Path, settings: IndexSettings = FEW) -> EdgeIndex:
    index = await open_index(settings, folder, dimension=4, fingerprint="f")
    assert isinstance(index, EdgeIndex)
    return index


def open_shards(index: EdgeIndex) -> set[str]:
    return set(index._tenants._slots)


async def test_no_more_shards_are_open_than_wanted_and_every_tenant_is_found(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    tenants = [f"tenant {n}" for n in range(4)]
    for tenant in tenants:
        await index.upsert([chunk(f"text of {tenant}", 0, tenant=tenant)], VECTORS[:1])
        assert len(open_shards(index)) <= 2
    for tenant in reversed(tenants):
        found = await index.search(Scope(tenant), Query("text", VECTORS[0], 5))
        assert [p.chunk.text for p in found] == [f"text of {tenant}"]
    assert open_shards(index) == {"tenant 0", "tenant 1"}
    await index.close()


async def test_many_at_once_open_and_close_the_same_shards(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    tenants = [f"tenant {n}" for n in range(3)]

    async def use(tenant: str) -> None:
        for n in range(4):
            await index.upsert([chunk(f"text {n}", n, tenant=tenant)], VECTORS[:1])
            found = await index.search(Scope(tenant), Query("text", VECTORS[0], 50, Leg.DENSE))
            assert len(found) == n + 1
            assert {p.chunk.tenant for p in found} == {tenant}

    async with asyncio.timeout(60):
        await asyncio.gather(*map(use, tenants))
    assert len(open_shards(index)) <= 2
    assert [await index.count(Scope(tenant)) for tenant in tenants] == [4] * 3
    await index.close()


@pytest.mark.parametrize("tenant", HOSTILE)
async def test_a_tenants_name_is_never_a_path(tenant: str, tmp_path: Path) -> None:
    data, before = tmp_path / "data", set(tmp_path.rglob("*"))
    index = await open_here(data)
    await index.upsert([chunk("text", 0, tenant=tenant)], VECTORS[:1])
    assert [p.chunk.tenant for p in await index.search(Scope(tenant), Query("text", VECTORS[0], 5))] == [
        tenant
    ]
    await index.close()
    outside = {each for each in tmp_path.rglob("*") if data not in (each, *each.parents)}
    assert outside == before
    assert len(list((data / "index" / FEW.collection / "tenants").iterdir())) == 1


async def test_a_question_of_a_stranger_makes_no_shard(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    assert await index.search(Scope("stranger"), Query("text", VECTORS[0], 5)) == []
    assert await index.count(Scope("stranger")) == 0
    assert await index.delete("stranger", "docs") == 0
    assert open_shards(index) == set()
    assert not list((tmp_path / "index" / FEW.collection / "tenants").glob("*"))
    await index.close()


async def test_a_tenant_who_goes_takes_the_files_along(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    for tenant in ("acme", "other"):
        await index.upsert([chunk("CANARY", 0, tenant=tenant)], VECTORS[:1])
    assert await index.delete("acme") == 1
    folder = tmp_path / "index" / FEW.collection / "tenants"
    assert len(list(folder.iterdir())) == 1
    held = b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())
    assert b"acme" not in held
    assert await index.search(Scope("acme"), Query("text", VECTORS[0], 5)) == []
    await index.upsert([chunk("back again", 0, tenant="acme")], VECTORS[:1])
    assert await index.count(Scope("acme")) == await index.count(Scope("other")) == 1
    await index.close()


async def test_a_removal_waits_for_a_search_and_a_search_for_a_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = await open_here(tmp_path)
    await index.upsert([chunk("text", 0)], VECTORS[:1])
    with index._tenants.using("acme") as shard:
        assert shard is not None
        removal = asyncio.create_task(index.delete("acme"))
        await asyncio.sleep(0.2)
        search = asyncio.create_task(index.search(Scope("acme"), Query("text", VECTORS[0], 5)))
        await asyncio.sleep(0.2)
        assert not removal.done()
        assert not search.done()
        assert shard.count(filter_of(())) == 1
    async with asyncio.timeout(10):
        assert await removal == 1
        assert await search == []
    await index.close()


async def test_shards_that_were_closed_are_compacted_when_they_are_due(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    for tenant in ("a", "b", "c"):
        count = 2 if tenant == "b" else 4
        own = [chunk(f"text {n}", n, tenant=tenant) for n in range(count)]
        await index.upsert(own, VECTORS[:count])
    assert index._tenants.due() == ["a", "c"]
    assert await index.compact()
    assert index._tenants.due() == []
    assert not await index.compact()
    folder = tmp_path / "index" / FEW.collection / "tenants"
    assert len(list(folder.glob("*/shard-1"))) == 2
    assert [await index.count(Scope(tenant)) for tenant in "abc"] == [4, 2, 4]
    await index.close()


async def test_a_compaction_keeps_the_holes_of_files(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    await index.upsert([chunk(f"text {n}", n) for n in range(4)], VECTORS)
    assert await index.compact()
    await index.close()
    used = sum(each.stat().st_blocks * 512 for each in tmp_path.rglob("*") if each.is_file())
    assert used < 8 * 2**20


async def test_a_shard_whose_making_was_stopped_is_made_again(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    await index.upsert([chunk("text", 0)], VECTORS[:1])
    await index.close()
    (folder,) = (tmp_path / "index" / FEW.collection / "tenants").iterdir()
    (folder / "shard.json").unlink()
    index = await open_here(tmp_path)
    assert await index.count(Scope("acme")) == 0
    await index.upsert([chunk("text", 0)], VECTORS[:1])
    assert await index.count(Scope("acme")) == 1
    await index.close()


async def test_a_shard_that_cannot_be_opened_is_an_error_of_its_tenant_alone(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    for tenant in ("acme", "other"):
        await index.upsert([chunk("text", 0, tenant=tenant)], VECTORS[:1])
    await index.close()
    for folder in (tmp_path / "index" / FEW.collection / "tenants").iterdir():
        if '"acme"' in (folder / "shard.json").read_text():
            (folder / "shard" / "edge_config.json").write_text("damaged")
    index = await open_here(tmp_path)
    assert await index.count(Scope("other")) == 1
    for _ in range(2):
        with pytest.raises(StorageError):
            await index.count(Scope("acme"))
    assert open_shards(index) == {"other"}
    await index.close()


async def test_a_closed_index_says_so(tmp_path: Path) -> None:
    index = await open_here(tmp_path)
    await index.close()
    await index.close()
    with pytest.raises(StorageError, match="closed"):
        await index.count(Scope("acme"))


async def test_another_tenants_shard_would_give_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault is forced: the tenant's search is led to another's shard."""
    index = await open_here(tmp_path)
    await index.upsert([chunk("theirs", 0, tenant="other")], VECTORS[:1])
    with index._tenants.using("other") as shard:
        assert isinstance(shard, TenantShard)
        foreign = ForeignHits()
        assert shard.search(Scope("acme"), Query("theirs", VECTORS[0], 5), foreign) == []
        assert (foreign.taken(), foreign.taken()) == (1, 0)
    await index.close()
