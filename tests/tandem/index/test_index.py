"""Both engines do the same: Qdrant Edge for real, the server's client in its local mode."""

import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient

from tandem.errors import EmbedderMismatchError, IndexOwnedError
from tandem.index import Index, Leg, Query, open_index
from tandem.index.server import ServerIndex
from tandem.settings import IndexSettings
from tandem.vocabulary import Chunk, Scope, chunk_id, document_id

SETTINGS = IndexSettings()
TEXTS = ("the filter of the pump", "a bridge of stone", "Zorbium is a metal", "the moon over the lake")
VECTORS = np.eye(4, dtype=np.float32)


def chunk(text: str, ordinal: int, tenant: str = "acme", corpus: str = "docs", version: str = "v1") -> Chunk:
    document = document_id(tenant, corpus, "a.md")
    return Chunk(
        chunk_id(document, version, ordinal), tenant, corpus, document, version, ordinal, text, 0, len(text), "A", "a.md"
    )  # fmt: skip


@pytest.fixture(params=["edge", "server"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    if request.param == "edge":
        opened: Index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    else:
        client = AsyncQdrantClient(":memory:")
        opened = await ServerIndex.open(client, SETTINGS, dimension=4, fingerprint="f")
    for tenant in ("acme", "other"):
        for corpus in ("docs", "notes"):
            chunks = [chunk(text, n, tenant, corpus) for n, text in enumerate(TEXTS)]
            await opened.upsert(chunks, VECTORS)
    yield opened
    await opened.close()


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
    await index.delete_version("acme", document_id("acme", "docs", "a.md"), "v1")
    left = await index.search(Scope("acme", ("docs",)), Query("text", VECTORS[0], 50))
    assert [p.chunk.version for p in left] == ["v2"]
    assert await index.count(Scope("other")) == 8


async def test_a_chunk_comes_back_as_it_went_in(index: Index) -> None:
    whole = replace(chunk("Grüße 🌍", 9), page=3, section="A > B", start=7, end=14)
    await index.upsert([whole], VECTORS[:1])
    found = await index.search(Scope("acme"), Query("Grüße", VECTORS[0], 1, Leg.BM25))
    assert found[0].chunk == whole


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
