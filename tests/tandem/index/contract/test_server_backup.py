"""A backup of an index on a Qdrant server: Tandem reads the points itself, so it goes back into either engine.

Snapshots of Qdrant are none of the operations that the recorder knows, so a request for one would be a breach.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from contract_opening import Opening
from index_chunks import VECTORS

from tandem.backup import make_backup, restore
from tandem.index import Index, Leg, Query, drop_collection, open_index
from tandem.settings import IndexSettings, Settings, StoreSettings
from tandem.store import CollectionRecord, Store, open_store
from tandem.vocabulary import Chunk, Document, Marks, Scope, chunk_id

Places = tuple[Settings, Store]


@pytest.fixture
async def places(tmp_path: Path, server: IndexSettings) -> AsyncIterator[dict[str, Places]]:
    """Data folders with an empty store: two with their index on the server, one with the embedded index."""
    kinds = {"first": server, "second": server, "embedded": IndexSettings()}
    made: dict[str, Places] = {}
    for name, index in kinds.items():
        settings = Settings(data_dir=tmp_path / name, store=StoreSettings(), index=index)
        made[name] = settings, open_store(settings.store, settings.data_dir)
    yield made
    for settings, store in made.values():
        known = store.active_collection()
        # The first one's is the test's own, and goes with it.
        if known is not None and not known.name.startswith("tandem-contract-"):
            await drop_collection(settings.index, settings.data_dir, known.name)
        store.close()


async def found(index: Index) -> list[tuple[object, float]]:
    hits = await index.search(Scope("acme"), Query("pump", VECTORS[0], 10, Leg.DENSE, exact=True))
    return [(hit.chunk, round(hit.similarity, 5)) for hit in hits]


@pytest.mark.parametrize("target", ["second", "embedded"])
async def test_a_backup_of_a_server_index_goes_back_into_either_engine(
    opening: Opening, places: dict[str, Places], tmp_path: Path, target: str
) -> None:
    opened = await opening()
    settings, store = places["first"]
    record = CollectionRecord(opened.settings.collection, {"model": "m"}, "f", 4, datetime.now(UTC))
    store.found_collection(record)
    marks = Marks(("x",), {"year": 2020})
    document = Document("acme", "docs", "b.md", "B", "text/markdown", "the pump", "0" * 64, marks=marks)
    store.begin_version(document, "v1")
    chunks = [
        Chunk(
            chunk_id(document.id, "v1", n), "acme", "docs", document.id, "v1", n, f"pump {n}", 0, 6, "B", "b.md", marks=marks
        )
        for n in range(3)
    ]  # fmt: skip
    turned = np.array([[1, 0, 0, 0], [0.8, 0.6, 0, 0], [0.6, 0, 0.8, 0]], np.float32)
    await opened.index.upsert(chunks, turned)
    store.commit_version(document.id, "v1", 3)
    archive = tmp_path / "a.tar"
    with archive.open("wb") as out:
        async for piece in make_backup(store, opened.index, settings):
            out.write(piece)

    new_settings, new_store = places[target]
    done = await restore(archive, new_store, new_settings)
    assert (done.facts.chunks, done.lacking) == (3, 0)
    known = new_store.active_collection()
    assert known is not None
    assert known.name != opened.settings.collection
    back = await open_index(
        new_settings.index, new_settings.data_dir, dimension=4, fingerprint="f", collection=known.name
    )
    assert await found(back) == await found(opened.index)
    assert [one for one, _ in await found(back)] == chunks
    await back.close()
