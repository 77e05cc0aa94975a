"""Access groups in the index: found by who has one, also after a change, a compaction, and by both engines."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from index_chunks import SETTINGS, VECTORS, chunk
from qdrant_client import AsyncQdrantClient

from tandem.index import Index, Leg, Query, open_index
from tandem.index.foreign import ForeignHits
from tandem.index.points import within
from tandem.index.server import ServerIndex
from tandem.vocabulary import Chunk, Passage, Scope, document_id

WORD = "Zorbium"
GROUPS: dict[str, tuple[str, ...]] = {"open": (), "legal": ("legal",), "both": ("hr", "legal")}
"""Documents and those who may see them."""


def known(name: str) -> str:
    return document_id("acme", "docs", name)


def chunks() -> list[Chunk]:
    made = []
    for n, (name, groups) in enumerate(GROUPS.items()):
        made.append(replace(chunk(f"{WORD} {name}", n), document_id=known(name), uri=name, groups=groups))
    return made


@pytest.fixture(params=["edge", "server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    if request.param == "edge":
        index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    else:
        client = AsyncQdrantClient(":memory:")
        index = await ServerIndex.open(client, SETTINGS, dimension=4, fingerprint="f")
    await index.upsert(chunks(), VECTORS[[0] * len(GROUPS)])
    yield index
    await index.close()


async def seen(index: Index, groups: tuple[str, ...] | None, leg: Leg = Leg.HYBRID) -> set[str]:
    found = await index.search(Scope("acme", groups=groups), Query(WORD, VECTORS[0], 10, leg))
    return {passage.chunk.uri for passage in found}


@pytest.mark.parametrize("leg", list(Leg))
@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        (None, {"open", "legal", "both"}),
        ((), {"open"}),
        (("legal",), {"open", "legal", "both"}),
        (("hr",), {"open", "both"}),
        (("sales",), {"open"}),
        (("sales", "hr"), {"open", "both"}),
    ],
)
async def test_a_chunk_is_found_by_who_has_one_of_its_groups(
    index: Index, leg: Leg, groups: tuple[str, ...] | None, wanted: set[str]
) -> None:
    assert await seen(index, groups, leg) == wanted


async def test_others_chunks_do_not_take_the_places_of_those_that_may_be_seen(index: Index) -> None:
    hidden = [replace(chunk(WORD, n + 10), document_id=known("x"), groups=("board",)) for n in range(30)]
    await index.upsert(hidden, VECTORS[[0] * 30])
    found = await index.search(Scope("acme", groups=("hr",)), Query(WORD, VECTORS[0], 2))
    assert {passage.chunk.uri for passage in found} == {"open", "both"}


async def test_groups_change_where_the_chunks_are(index: Index) -> None:
    await index.set_groups("acme", known("open"), ("board",))
    await index.set_groups("acme", known("legal"), ())
    await index.set_groups("other", known("both"), ())
    assert await seen(index, ()) == {"legal"}
    assert await seen(index, ("board",)) == {"open", "legal"}
    (moved,) = [one async for one in index.chunks() if one.uri == "open"]
    assert moved.groups == ("board",)


async def test_the_first_restricted_chunk_of_a_tenant_is_hidden_at_once(tmp_path: Path) -> None:
    """Until there is one, the embedded index does not even look."""
    index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    await index.upsert([replace(one, groups=()) for one in chunks()], VECTORS[[0] * len(GROUPS)])
    assert await seen(index, ()) == set(GROUPS)
    await index.set_groups("acme", known("legal"), ("legal",))
    assert await seen(index, ()) == {"open", "both"}
    await index.close()
    index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    assert await seen(index, ()) == {"open", "both"}
    await index.close()


async def test_compaction_keeps_groups_and_what_changes_meanwhile(tmp_path: Path) -> None:
    index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    await index.upsert(chunks(), VECTORS[[0] * len(GROUPS)])
    await index.set_groups("acme", known("open"), ("board",))
    assert await index.compact(at_once=True)
    assert await seen(index, ()) == set()
    assert await seen(index, ("board",)) == {"open"}
    await index.close()


def test_a_second_look_drops_hits_of_other_groups_and_of_other_tenants_and_counts_these() -> None:
    foreign = ForeignHits()
    mine, hidden = chunk("a", 0), replace(chunk("b", 1), groups=("board",))
    theirs = chunk("c", 2, tenant="other")
    passages = [Passage(one, 1.0, 1.0) for one in (mine, hidden, theirs)]
    with structlog.testing.capture_logs() as logged:
        kept = within(Scope("acme", groups=("hr",)), passages, 0.0, foreign)
    assert [passage.chunk for passage in kept] == [mine]
    assert [(one["dropped"], one["of_other_tenants"]) for one in logged] == [(2, 1)]
    assert (foreign.taken(), foreign.taken()) == (1, 0)
