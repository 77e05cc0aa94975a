from collections.abc import Iterator
from pathlib import Path

import pytest
from app_client import ASKED, app_client
from fake_vllm import FakeVllm

from tandem.backup import read_facts, restore
from tandem.settings import Settings
from tandem.store import open_store


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server


async def test_a_running_server_gives_its_backup_and_another_answers_from_it(
    fake: FakeVllm, tmp_path: Path
) -> None:
    async with app_client(fake, tmp_path / "first") as client:
        before = (await client.post("/api/retrieve", json={"query": ASKED})).json()
        async with client.stream("POST", "/api/backup") as response:
            assert response.headers["content-type"] == "application/x-tar"
            (tmp_path / "a.tar").write_bytes(await response.aread())
        said = (await client.get("/api/audit")).json()["entries"]
        assert (said[0]["action"], said[0]["subject"]) == ("backup.made", "local")
    facts = read_facts(tmp_path / "a.tar")
    assert facts.chunks == 1
    assert facts.rows["versions"] == 1
    settings = Settings(data_dir=tmp_path / "second")
    store = open_store(settings.store, settings.data_dir)
    await restore(tmp_path / "a.tar", store, settings)
    store.close()
    async with app_client(fake, tmp_path / "second", documents=False) as client:
        after = (await client.post("/api/retrieve", json={"query": ASKED})).json()
    assert before["passages"] == after["passages"] != []


async def test_a_document_without_its_vectors_is_embedded_by_the_next_start(
    fake: FakeVllm, tmp_path: Path
) -> None:
    from tandem.backup import make_backup

    async with app_client(fake, tmp_path / "first") as client:
        services = client.services  # type: ignore[attr-defined]
        index, pieces = services.live.collection.index, []
        async for piece in make_backup(services.store, index, services.settings):
            if len(pieces) == 1:  # as if the document were replaced just now
                await index.delete("default", "rules")
            pieces.append(piece)
    (tmp_path / "a.tar").write_bytes(b"".join(pieces))
    settings = Settings(data_dir=tmp_path / "second")
    store = open_store(settings.store, settings.data_dir)
    assert (await restore(tmp_path / "a.tar", store, settings)).lacking == 1
    store.close()
    async with app_client(fake, tmp_path / "second", documents=False) as client:
        found = (await client.post("/api/retrieve", json={"query": ASKED})).json()
    assert [one["uri"] for one in found["passages"]] == ["gate.md"]
