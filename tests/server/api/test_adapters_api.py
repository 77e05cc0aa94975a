"""Adapters over HTTP, on the whole application."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from app_client import app_client
from fake_vllm import FakeVllm
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from tandem.adapters import AdapterRegistry


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    base = tiny_base(tmp_path / "base")
    folder = tiny_adapter(base, tmp_path / "adapter")
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path / "data", documents=False) as client:
            registry = AdapterRegistry(tmp_path / "data", client.services.store)
            for metric in (0.25, 0.5):
                registry.register(
                    folder, name="mine", facts=facts_of(base, metrics={"f1": metric}), author="ada"
                )
            yield client


async def test_adapters_are_listed_tagged_and_looked_at(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/api/adapters")).json()["adapters"]
    assert [(one["ref"], one["metrics"], one["served_unmerged"]) for one in listed] == [
        ("mine@2", {"f1": 0.5}, True),
        ("mine@1", {"f1": 0.25}, True),
    ]
    moved = await http.put(
        "/api/adapters/mine/tags/champion", json={"version": "1", "reason": "so", "expected": 0}
    )
    assert (moved.status_code, moved.json()["tags"]) == (200, ["champion"])
    conflict = await http.put("/api/adapters/mine/tags/champion", json={"version": "2", "expected": 2})
    assert conflict.status_code == 409
    history = (await http.get("/api/adapters/mine")).json()
    assert [one["number"] for one in history["versions"]] == [2, 1]
    assert [(one["tag"], one["number"], one["reason"]) for one in history["tag_moves"]] == [
        ("champion", 1, "so")
    ]
    for version in ("1", "champion"):
        shown = (await http.get(f"/api/adapters/mine/{version}")).json()
        assert shown["card"].count("# mine@1") == 1
        assert sum(one["size"] for one in shown["files"].values()) == shown["size"]
    assert (await http.delete("/api/adapters/mine/tags/champion")).status_code == 204
    assert (await http.get("/api/adapters/mine/champion")).status_code == 404


async def test_what_there_is_not_is_not_found_and_a_bad_tag_is_refused(http: httpx.AsyncClient) -> None:
    for path in ("nosuch", "nosuch/1", "mine/9", "mine/nosuch", "..%2f..%2fmine/1"):
        response = await http.get(f"/api/adapters/{path}")
        assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")
    response = await http.put("/api/adapters/mine/tags/A", json={"version": "1"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "tag")
