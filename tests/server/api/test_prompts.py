"""Prompts over HTTP, on the whole application."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from app_client import app_client
from fake_vllm import FakeVllm

ASKS = '{% call message("user") %}{{ question }}{% endcall %}\n'


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path, documents=False) as client:
            yield client


async def save(http: httpx.AsyncClient, text: str, name: str = "mine", note: str = "") -> httpx.Response:
    return await http.post("/api/prompts", json={"name": name, "text": text, "note": note})


async def test_a_prompt_is_saved_looked_at_compared_tagged_and_restored(http: httpx.AsyncClient) -> None:
    first = await save(http, ASKS, note="begin")
    assert (first.status_code, first.json()["number"], first.json()["note"]) == (201, 1, "begin")
    assert (await save(http, ASKS)).status_code == 200
    second = await save(http, "{# two #}\n" + ASKS)
    assert (second.status_code, second.json()["number"]) == (201, 2)
    changes = (await http.get("/api/prompts/mine/diff", params={"before": "1"})).json()
    assert (changes["before"], changes["after"]) == ("mine@1", "mine@2")
    assert "+{# two #}" in changes["diff"].splitlines()
    tagged = await http.put("/api/prompts/mine/tags/production", json={"version": "1"})
    assert (tagged.status_code, tagged.json()["tags"]) == (200, ["production"])
    found = (await http.get("/api/prompts/mine/versions/production")).json()
    assert (found["number"], found["text"], found["hash"]) == (1, ASKS, first.json()["hash"])
    restored = await http.post("/api/prompts/mine/restore", json={"version": "production"})
    assert (restored.status_code, restored.json()["number"], restored.json()["text"]) == (201, 3, ASKS)
    history = (await http.get("/api/prompts/mine/versions")).json()["versions"]
    assert [one["number"] for one in history] == [3, 2, 1]
    assert (await http.get("/api/prompts/mine")).json()["number"] == 3
    assert (await http.delete("/api/prompts/mine/tags/production")).status_code == 204
    assert (await http.get("/api/prompts/mine/versions/production")).status_code == 404


async def test_the_prompts_of_the_package_are_listed(http: httpx.AsyncClient) -> None:
    prompts = (await http.get("/api/prompts")).json()["prompts"]
    assert {"base", "prompted", "rag"} <= {one["name"] for one in prompts}
    assert {one["author"] for one in prompts} == {"tandem"}


@pytest.mark.parametrize(
    ("body", "status", "kind", "param"),
    [
        ({"name": "mine", "text": "{{ nosuch }}" + ASKS}, 400, "invalid_prompt_error", "text"),
        ({"name": "mine", "text": "{{ ''.__class__ }}" + ASKS}, 400, "invalid_prompt_error", "prompt"),
        ({"name": "../mine", "text": ASKS}, 400, "invalid_request_error", "name"),
        ({"name": "mine", "text": "x" * 50_001}, 413, "too_large_error", "text"),
        ({"name": "mine", "text": ASKS, "author": "eve"}, 400, "invalid_request_error", "author"),
    ],
)
async def test_what_cannot_be_saved_is_refused_by_name(
    http: httpx.AsyncClient, body: dict[str, str], status: int, kind: str, param: str
) -> None:
    response = await http.post("/api/prompts", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["param"]) == (status, kind, param)
    assert (await http.get("/api/prompts/mine")).status_code == 404


async def test_an_unknown_prompt_or_version_is_not_found(http: httpx.AsyncClient) -> None:
    for path in ("nosuch", "nosuch/versions", "rag/versions/9", "rag/diff?before=9"):
        response = await http.get(f"/api/prompts/{path}")
        assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found_error")
