"""What Tandem relies on a Qdrant server for. Run it against yours: QDRANT_URL=... pytest tests/tandem/index/contract"""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from contract_opening import Opening
from index_chunks import VECTORS, chunk
from marked_chunks import ALL, MARKED, OTHER_DOCUMENT, PAST, SCOPES, WORD, write
from qdrant_client import models

from tandem.errors import EmbedderMismatchError
from tandem.index import Index, Leg, Query
from tandem.index import server as server_module
from tandem.index.marks import conditions_within
from tandem.index.server import ServerIndex
from tandem.vocabulary import Scope, document_id

DOCUMENT = document_id("acme", "docs", "a.md")


async def names(index: Index, scope: Scope, leg: Leg = Leg.HYBRID, **query: object) -> set[str]:
    """First words of what is found."""
    found = await index.search(scope, Query(WORD, VECTORS[0], 50, leg, **query))  # type: ignore[arg-type]
    return {passage.chunk.text.split()[0] for passage in found}


@pytest.mark.parametrize(
    ("quantization", "kind"),
    [("scalar", models.ScalarQuantization), ("binary", models.BinaryQuantization), ("none", type(None))],
)
async def test_a_collection_is_made_as_the_settings_say(
    opening: Opening, quantization: str, kind: type
) -> None:
    wanted = {"server_shards": 2, "server_replicas": 2, "server_write_replicas": 1}
    opened = await opening(**wanted, server_quantization=quantization)
    made = (await opened.client.get_collection(opened.settings.collection)).config
    assert (made.params.shard_number, made.params.replication_factor) == (2, 2)
    assert made.params.write_consistency_factor == 1
    assert isinstance(made.params.vectors, dict)
    assert made.params.vectors["dense"].on_disk is True
    assert isinstance(made.params.vectors["dense"].quantization_config, kind)
    assert made.metadata == {"dimension": 4, "fingerprint": "f"}


async def test_the_index_of_tenants_is_asked_for_as_such_and_once(opening: Opening, over_http: None) -> None:
    first = await opening(metadata_keys=("year",))
    indexes = {
        body["field_name"]: body["field_schema"] for body in first.recorder.bodies("create_field_index")
    }
    assert indexes["tenant"] == {"type": "keyword", "is_tenant": True}
    assert all(
        schema == "float" or not schema["is_tenant"] for name, schema in indexes.items() if name != "tenant"
    )
    assert indexes["expires_at"] == "float"
    assert {"corpus", "document_id", "version", "tags", "groups", "metadata.year"} < set(indexes)
    again = await opening(metadata_keys=("year", "lang"))
    assert [body["field_name"] for body in again.recorder.bodies("create_field_index")] == ["metadata.lang"]


async def test_the_server_says_that_tenants_are_indexed_as_such(opening: Opening) -> None:
    opened = await opening()
    there = (await opened.client.get_collection(opened.settings.collection)).payload_schema
    assert there["tenant"].params.is_tenant is True  # type: ignore[union-attr]
    assert there["corpus"].params.is_tenant is not True  # type: ignore[union-attr]


async def test_a_collection_of_another_embedder_is_refused(opening: Opening) -> None:
    opened = await opening()
    with pytest.raises(EmbedderMismatchError):
        await ServerIndex.open(opened.client, opened.settings, dimension=4, fingerprint="g")


@pytest.mark.parametrize("leg", Leg)
async def test_every_kind_of_filter_finds_what_it_should(opening: Opening, leg: Leg) -> None:
    index = (await opening()).index
    await write(index)
    found = {kind: await names(index, scope, leg) for kind, (scope, _) in SCOPES.items()}
    assert found == {kind: expected for kind, (_, expected) in SCOPES.items()}
    assert index.foreign_hits() == 0


@pytest.mark.parametrize("leg", Leg)
async def test_versions_that_are_left_out_are_not_found(opening: Opening, leg: Leg) -> None:
    index = (await opening()).index
    await write(index)
    besides = frozenset({(OTHER_DOCUMENT, "v2"), (DOCUMENT, "v9")})
    assert await names(index, Scope("acme"), leg, besides=besides) == ALL - {"second"}


@pytest.mark.parametrize("leg", Leg)
async def test_an_exact_search_brings_the_best_first_with_its_similarity(opening: Opening, leg: Leg) -> None:
    index = (await opening()).index
    await write(index)
    query = Query(f"new {WORD}", VECTORS[1], 1, leg, exact=True)
    [best] = await index.search(Scope("acme"), query)
    assert best.chunk == MARKED[1]
    assert best.similarity == pytest.approx(1)


async def test_a_hit_of_another_tenant_is_dropped_and_counted(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = (await opening()).index
    await write(index)
    # The mutant of the filter that every search has: it lacks the tenant, so that the engine returns others'.
    monkeypatch.setattr(server_module, "conditions", conditions_within)
    assert await names(index, Scope("acme")) == ALL
    assert index.foreign_hits() == 1


async def test_counts_are_those_of_the_scope_with_what_is_over(opening: Opening) -> None:
    index = (await opening()).index
    await write(index)
    scopes = (Scope("acme"), Scope("acme", ("docs",)), Scope("other"), Scope("nobody"))
    assert [await index.count(scope) for scope in scopes] == [5, 4, 1, 0]


async def test_a_version_a_corpus_and_a_tenant_are_deleted_and_nothing_else(opening: Opening) -> None:
    index = (await opening()).index
    await write(index)
    assert await index.delete_version("other", OTHER_DOCUMENT, "v2") == 0
    assert await index.delete_version("acme", OTHER_DOCUMENT, "v2") == 1
    assert await names(index, Scope("acme")) == ALL - {"second"}
    assert await index.delete("acme", "notes") == 1
    assert await names(index, Scope("acme")) == {"old", "new"}
    assert await index.delete("acme") == 3
    assert [found.text async for found in index.chunks()] == [f"theirs {WORD}"]


async def test_what_expires_is_found_until_then(opening: Opening) -> None:
    index = (await opening()).index
    await write(index)
    scope = Scope("acme", ("docs",))
    await index.set_expiry("acme", DOCUMENT, "v1", datetime.now(UTC) + timedelta(hours=1))
    assert await names(index, scope) == {"old", "new", "over", "second"}
    await index.set_expiry("acme", DOCUMENT, "v1", PAST)
    assert await names(index, scope) == {"second"}
    await index.set_expiry("acme", DOCUMENT, "v1", None)
    assert await names(index, scope) == {"old", "new", "over", "second"}


async def test_groups_are_set_and_taken_away(opening: Opening) -> None:
    index = (await opening()).index
    await write(index)
    scope = Scope("acme", groups=())
    await index.set_groups("acme", DOCUMENT, ("board",))
    assert await names(index, scope) == {"second"}
    await index.set_groups("acme", DOCUMENT, ())
    assert await names(index, scope) == {"old", "new", "second"}


async def test_all_points_come_back_in_pages_with_their_vectors(opening: Opening) -> None:
    opened = await opening()
    chunks = [chunk(f"text {n}", n) for n in range(600)]  # more than two pages, and more than two portions
    turned = np.random.default_rng(5).standard_normal((600, 4)).astype(np.float32)
    vectors = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    await opened.index.upsert(chunks, vectors)
    pages = [page async for page in opened.index.points()]
    assert sum(len(page) for page, _ in pages) == 600
    assert len(pages) > 1
    back = {one.id: (one, vector) for page, theirs in pages for one, vector in zip(page, theirs, strict=True)}
    assert [back[one.id][0] for one in chunks] == chunks
    np.testing.assert_allclose(np.stack([back[one.id][1] for one in chunks]), vectors, atol=1e-6)
    assert sorted([one async for one in opened.index.chunks()], key=lambda one: one.ordinal) == chunks
