"""An adapter that was trained elsewhere comes to a server as one file, over HTTP alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from app_client import app_client
from fake_vllm import FakeVllm
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from server.api import adapter_files
from tandem.adapters import AdapterRegistry
from tandem.adapters.bundle import export_adapter
from tandem.settings import StoreSettings
from tandem.store import open_store


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """As `tandem adapters export` writes it, of another Tandem's registry."""
    base = tiny_base(tmp_path / "base")
    store = open_store(StoreSettings(), tmp_path / "there")
    registry = AdapterRegistry(tmp_path / "there", store)
    folder = tiny_adapter(base, tmp_path / "trained")
    made = registry.register(folder, name="law", facts=facts_of(base, metrics={"f1": 0.5}), author="ada")
    file = tmp_path / "law.tandem-adapter"
    export_adapter(registry, made, file)
    store.close()
    return file


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path / "here", documents=False, base_hash="any") as client:
            yield client


async def _left(client: httpx.AsyncClient, folder: Path) -> tuple[list[str], list[str]]:
    """The registered versions, newest first, and what lies in the folder of adapters."""
    listed = (await client.get("/api/adapters")).json()["adapters"]
    lying = [*folder.glob("[!.]*/*"), *folder.glob(".*")]
    return [one["ref"] for one in listed], sorted(one.relative_to(folder).as_posix() for one in lying)


async def test_an_uploaded_adapter_is_the_next_version_of_its_name_and_is_served(
    http: httpx.AsyncClient, exported: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        made = await http.post("/api/adapter-files/ours", content=exported.read_bytes())
        assert (made.status_code, made.json()["ref"]) == (201, f"ours@{number}")
    assert made.json()["metrics"] == {"f1": 0.5}
    assert "law@1 by ada" in made.json()["note"]
    assert await _left(http, tmp_path / "here" / "adapters") == (["ours@2", "ours@1"], ["ours/1", "ours/2"])
    served = await http.put("/api/adapters/ours/2/served")
    assert (served.status_code, served.json()["loaded"]) == (200, True)


@pytest.mark.parametrize("fault", ["empty", "cut", "changed", "foreign", "longer"])
async def test_a_torn_or_foreign_file_leaves_nothing(
    http: httpx.AsyncClient, exported: Path, tmp_path: Path, fault: str
) -> None:
    whole = exported.read_bytes()
    middle = len(whole) // 2
    content = {
        "empty": b"",
        "cut": whole[:-512],
        "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "foreign": b"PK\3\4" + bytes(4_096),
        "longer": whole + b"more",
    }[fault]
    refused = await http.post("/api/adapter-files/ours", content=content)
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert await _left(http, tmp_path / "here" / "adapters") == ([], [])


async def test_a_name_that_is_none_is_refused_before_anything_is_written(
    http: httpx.AsyncClient, exported: Path, tmp_path: Path
) -> None:
    refused = await http.post("/api/adapter-files/..%5Cours", content=exported.read_bytes())
    assert refused.status_code == 400
    assert await _left(http, tmp_path / "here" / "adapters") == ([], [])


@pytest.mark.parametrize("told", [True, False])
async def test_a_file_over_the_limit_is_refused_whether_or_not_its_length_is_told(
    http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(adapter_files, "_MOST_BYTES", 2 * adapter_files._PIECE)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(adapter_files._PIECE)

    content = bytes(5 * adapter_files._PIECE) if told else pieces()
    refused = await http.post("/api/adapter-files/ours", content=content)
    assert (refused.status_code, refused.json()["error"]["type"]) == (413, "too_large_error")
    assert await _left(http, tmp_path / "here" / "adapters") == ([], [])
