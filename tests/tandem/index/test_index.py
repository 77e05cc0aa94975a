"""Both engines do the same: Qdrant Edge for real, the server's client in its local mode."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import qdrant_edge as qe
from index_chunks import SETTINGS, TEXTS, VECTORS, chunk
from qdrant_client import AsyncQdrantClient

from tandem.errors import EmbedderMismatchError, IndexOwnedError, InvalidRequestError
from tandem.index import Index, Leg, Query, drop_collection, open_index
from tandem.index.server import ServerIndex, drop
from tandem.vocabulary import Parent, Scope, document_id


@pytest.mark.parametrize("leg", Leg)
async def test_a_search_sees_its_scope_and_nothing_else(index: Index, leg: Leg) -> None:
    for scope in (Scope("acme"), Scope("other", ("docs",)), Scope("acme", ("notes", "docs"))):
        found = await index.search(scope, Query("Zorbium pump", VECTORS[2], 50, leg))
        assert found
        assert {p.chunk.tenant for p in found} == {scope.tenant}
        assert {p.chunk.corpus for p in found} == set(scope.corpora or ("docs", "notes"))
    assert await index.search(Scope("nobody"), Query("Zorbium", VECTORS[2], 50, leg)) == []
    assert await index.search(Scope("acme", ("nosuch",)), Query("Zorbium", VECTORS[2], 50, leg)) == []


async def test_a_hybrid_search_finds_by_word_and_by_meaning(index: Index) -> None:
    found = await index.search(Scope("acme", ("docs",)), Query("Zorbium", VECTORS[1], 2))
    assert {p.chunk.text for p in found} == {TEXTS[2], TEXTS[1]}


async def test_the_similarity_is_the_cosine_also_of_what_words_found(index: Index) -> None:
    found = await index.search(Scope("acme", ("docs",)), Query("Zorbium", VECTORS[1], 1, Leg.BM25))
    assert found[0].chunk.text == TEXTS[2]
    assert found[0].similarity == pytest.approx(0.0, abs=1e-5)


async def test_writing_twice_writes_once(index: Index) -> None:
    before = await index.count(Scope("acme"))
    await index.upsert([chunk(text, n) for n, text in enumerate(TEXTS)], VECTORS)
    assert await index.count(Scope("acme")) == before == 8


async def test_deleting_a_version_leaves_the_others(index: Index) -> None:
    await index.upsert([chunk("new text", 0, version="v2")], VECTORS[:1])
    assert await index.delete_version("acme", document_id("acme", "docs", "a.md"), "v1") == 4
    assert await index.delete_version("acme", document_id("acme", "docs", "a.md"), "v1") == 0
    left = await index.search(Scope("acme", ("docs",)), Query("text", VECTORS[0], 50))
    assert [p.chunk.version for p in left] == ["v2"]
    assert await index.count(Scope("other")) == 8


async def test_deleting_a_corpus_leaves_the_others(index: Index) -> None:
    assert await index.delete("acme", "docs") == 4
    assert await index.count(Scope("acme", ("docs",))) == 0
    assert await index.count(Scope("acme", ("notes",))) == 4
    assert await index.count(Scope("other")) == 8
    assert await index.delete("acme", "docs") == 0


async def test_deleting_a_tenant_leaves_the_others(index: Index) -> None:
    assert await index.delete("acme") == 8
    assert await index.search(Scope("acme"), Query("Zorbium", VECTORS[2], 50)) == []
    assert {found.tenant async for found in index.chunks()} == {"other"}
    assert await index.delete("nobody") == 0


async def test_all_chunks_are_listed_once(empty: Index) -> None:
    written = [chunk(f"text {n}", n) for n in range(600)]  # more than two pages
    await empty.upsert(written, VECTORS[[n % 4 for n in range(600)]])
    await empty.upsert([chunk("of another", 0, tenant="other")], VECTORS[:1])
    listed = [found async for found in empty.chunks()]
    assert len(listed) == 601
    own = [found for found in listed if found.tenant == "acme"]
    assert own == sorted(written, key=lambda one: one.id)


async def test_a_chunk_comes_back_as_it_went_in(index: Index) -> None:
    whole = replace(
        chunk("Grüße 🌍", 9),
        page=3,
        section="A > B",
        start=7,
        end=14,
        header="Manual > Pumps",
        parent=Parent(0, 40, "Viele Grüße 🌍"),
    )
    await index.upsert([whole], VECTORS[:1])
    found = await index.search(Scope("acme"), Query("Grüße", VECTORS[0], 1, Leg.BM25))
    assert found[0].chunk == whole


async def test_the_words_of_a_header_find_its_chunk(index: Index) -> None:
    await index.upsert([replace(chunk("press it twice", 9), header="Espresso machines")], VECTORS[:1])
    found = await index.search(Scope("acme"), Query("espresso", VECTORS[0], 1, Leg.BM25))
    assert found[0].chunk.text == "press it twice"


async def test_what_counts_the_same_for_both_legs_is_always_in_the_same_order(empty: Index) -> None:
    many = [chunk(f"{'rust ' * (1 + n % 20)}number {n}", n) for n in range(100)]
    turned = np.random.default_rng(3).standard_normal((100, 4)).astype(np.float32)
    await empty.upsert(many, turned / np.linalg.norm(turned, axis=1, keepdims=True))
    question = Query("rust number 7", VECTORS[0], 30)
    first = [passage.chunk.id for passage in await empty.search(Scope("acme"), question)]
    for _ in range(20):
        again = [passage.chunk.id for passage in await empty.search(Scope("acme"), question)]
        assert again == first


@pytest.mark.parametrize("leg", Leg)
async def test_an_exact_search_is_what_the_vectors_say(index: Index, leg: Leg) -> None:
    scope = Scope("acme", ("docs",))
    found = await index.search(scope, Query("Zorbium", VECTORS[2], 1, leg, exact=True))
    assert found[0].chunk.text == TEXTS[2]


async def test_an_index_of_one_shard_from_before_there_were_marks_is_brought_up_to_date(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "index" / SETTINGS.collection
    (folder / "shard").mkdir(parents=True)
    shard = qe.EdgeShard.create(
        str(folder / "shard"),
        qe.EdgeConfig(
            vectors={"dense": qe.EdgeVectorParams(4, qe.Distance.Cosine)},
            sparse_vectors={"bm25": qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf)},
        ),
    )
    shard.update(qe.UpdateOperation.create_field_index("tenant", qe.PayloadSchemaType.Keyword))
    old = chunk("the filter of the pump", 0)
    payload = {key: getattr(old, key) for key in OLD_KEYS}
    words = qe.Bm25().embed_document(old.text)
    vectors = {"dense": VECTORS[0].tolist(), "bm25": words}
    theirs = chunk("the filter of the pump", 0, tenant="other")
    points = [
        qe.Point(old.id, vectors, payload),
        qe.Point(theirs.id, vectors, payload | {"tenant": "other", "document_id": theirs.document_id}),
    ]
    shard.update(qe.UpdateOperation.upsert_points(points))
    shard.flush()
    shard.close()
    (folder / "embedder.json").write_text(json.dumps({"dimension": 4, "fingerprint": "f"}))
    index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    await index.upsert([chunk("new text", 1)], VECTORS[1:2])
    for _ in range(2):
        found = await index.search(Scope("acme"), Query("pump", VECTORS[0], 2))
        assert [passage.chunk for passage in found] == [old, chunk("new text", 1)]
        await index.compact(at_once=True)
    assert await index.count(Scope("other")) == 1
    await index.close()
    assert sorted(each.name for each in folder.iterdir()) == ["embedder.json", "owner.lock", "tenants"]


OLD_KEYS = (
    *("tenant", "corpus", "document_id", "version", "ordinal"),
    *("text", "start", "end", "title", "uri", "page", "section"),
)


async def test_another_embedder_is_refused_by_edge(tmp_path: Path) -> None:
    await (await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")).close()
    with pytest.raises(EmbedderMismatchError):
        await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="g")
    await (await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")).close()


async def test_another_embedder_is_refused_by_the_server() -> None:
    client = AsyncQdrantClient(":memory:")
    await ServerIndex.open(client, SETTINGS, dimension=4, fingerprint="f")
    with pytest.raises(EmbedderMismatchError):
        await ServerIndex.open(client, SETTINGS, dimension=4, fingerprint="g")


async def test_collections_stand_side_by_side_and_one_is_dropped(tmp_path: Path) -> None:
    old = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    new = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="g", collection="next")
    await new.upsert([chunk("only here", 0)], VECTORS[:1])
    assert (await old.count(Scope("acme")), await new.count(Scope("acme"))) == (0, 1)
    with pytest.raises(IndexOwnedError):
        await drop_collection(SETTINGS, tmp_path, "next")
    await new.close()
    for _ in range(2):
        await drop_collection(SETTINGS, tmp_path, "next")
    assert [each.name for each in (tmp_path / "index").iterdir()] == [SETTINGS.collection]
    await old.close()


async def test_the_server_drops_a_collection() -> None:
    client = AsyncQdrantClient(":memory:")
    await ServerIndex.open(client, SETTINGS, dimension=4, fingerprint="f")
    for _ in range(2):
        await drop(client, SETTINGS.collection)
    assert not await client.collection_exists(SETTINGS.collection)


@pytest.mark.parametrize("name", ["..", "a/b", "", "a" * 65, "a\n"])
async def test_a_collection_is_never_a_path(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        await drop_collection(SETTINGS, tmp_path, name)
    with pytest.raises(InvalidRequestError):
        await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f", collection=name)


async def test_what_was_acknowledged_survives_kill_9_and_the_owner_is_exclusive(tmp_path: Path) -> None:
    script = tmp_path / "writer.py"
    script.write_text(
        "import asyncio, sys, time\nfrom pathlib import Path\nimport numpy as np\n"
        "from tandem.index import open_index\nfrom tandem.settings import IndexSettings\n"
        "from tandem.vocabulary import Chunk, chunk_id\n"
        "async def main():\n"
        "    index = await open_index(IndexSettings(), Path(sys.argv[1]), dimension=4, fingerprint='f')\n"
        "    for n in range(20):\n"
        "        c = Chunk(chunk_id('d', 'v', n), 't', 'c', 'd', 'v', n, f'word{n}', 0, 5, 'T', 'u')\n"
        "        await index.upsert([c], np.eye(4, dtype=np.float32)[:1])\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        with pytest.raises(IndexOwnedError, match=str(writer.pid)):
            await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
        writer.kill()
    index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    assert await index.count(Scope("t")) == 20
    await index.close()
