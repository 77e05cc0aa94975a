"""Adapters on two replicas, on the whole application; the engines are fakes that can be made to fail."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from app_client import app_client
from fake_vllm import FakeVllm
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from tandem.adapters import AdapterRegistry
from tandem.adapters.base import base_hash
from tandem.settings import StoreSettings
from tandem.store import open_store

FAULT = (500, {"error": {"message": "no memory", "code": 500}})


@pytest.fixture
def fakes() -> Iterator[tuple[FakeVllm, FakeVllm]]:
    with FakeVllm.serving() as one, FakeVllm.serving() as two:
        yield one, two
        one.may_load.set()
        two.may_load.set()


@pytest.fixture
async def http(fakes: tuple[FakeVllm, FakeVllm], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    base = tiny_base(tmp_path / "base")
    store = open_store(StoreSettings(), tmp_path)
    registry = AdapterRegistry(tmp_path, store)
    registry.register(tiny_adapter(base, tmp_path / "one"), name="law", facts=facts_of(base), author="ada")
    store.close()
    addresses = tuple(fake.address for fake in fakes)
    options = {"addresses": addresses, "base_hash": base_hash(base)}
    async with app_client(fakes[0], tmp_path, documents=False, **options) as client:
        await until(lambda: all(one.is_ready for one in client.services.engine.replicas))
        body = {"name": "lawyer", "from": "base", "changes": {"model": "law@1"}}
        assert (await client.post("/api/recipes", json=body)).status_code == 201
        yield client


async def until(true: object, seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


async def ask(http: httpx.AsyncClient, content: str = "When?") -> httpx.Response:
    body = {"model": "tandem:lawyer", "messages": [{"role": "user", "content": content}]}
    return await http.post("/v1/chat/completions", json=body)


async def test_a_wanted_adapter_is_loaded_at_all_replicas_and_let_go_at_all(http, fakes) -> None:
    assert (await http.put("/api/adapters/law/1/served")).status_code == 200
    assert [list(fake.adapters) for fake in fakes] == [["law@1"], ["law@1"]]
    parts = (await http.get("/readyz")).json()["parts"]
    assert parts["engine_replicas"] == "2 of 2 ready"
    page = (await http.get("/metrics")).text
    assert 'tandem_engine_replicas{state="ready"} 2.0' in page
    assert "127.0.0.1" not in page
    assert (await http.delete("/api/adapters/law/1/served")).json()["loaded"] is False
    assert [list(fake.adapters) for fake in fakes] == [[], []]


async def test_a_champion_begins_when_every_replica_has_its_adapter(http, fakes) -> None:
    fakes[1].may_load.clear()
    change = asyncio.create_task(http.put("/api/champion", json={"recipe": "lawyer"}))
    await until(lambda: fakes[0].adapters)
    await asyncio.sleep(0.7)  # the recipes were followed meanwhile
    assert (await http.get("/api/champion")).json()["champion"] == "rag"
    fakes[1].may_load.set()
    assert (await change).status_code == 200


async def test_a_replica_that_cannot_load_it_is_passed_over_until_it_can(http, fakes) -> None:
    fakes[1].load_fault = FAULT
    assert (await http.put("/api/champion", json={"recipe": "lawyer"})).status_code == 200
    for n in range(6):
        assert (await ask(http, f"Question {n}")).status_code == 200
    assert (len(fakes[0].requests), len(fakes[1].requests)) == (6, 0)
    fakes[1].load_fault = None
    await until(lambda: "law@1" in fakes[1].adapters)  # the failure is forgotten after 5 s


async def test_a_request_waits_for_the_first_replica_that_has_its_adapter(http, fakes) -> None:
    fakes[1].may_load.clear()
    assert (await ask(http)).status_code == 200
    assert len(fakes[0].requests) == 1


async def test_one_that_lost_it_is_not_asked_for_it_and_gets_it_again(http, fakes) -> None:
    await http.put("/api/adapters/law/1/served")
    for fake in fakes:
        fake.requests.clear()
        fake.adapters.clear()
        assert (await ask(http)).status_code == 200
    await until(lambda: all("law@1" in fake.adapters for fake in fakes))


async def test_an_adapter_that_is_doubted_is_loaded_anew(http, fakes) -> None:
    await http.put("/api/adapters/law/1/served")
    replica = http.services.engine.replicas[1]
    replica.lose("law@1")
    replica.doubted.add("law@1")
    await until(lambda: fakes[1].loads == ["law@1", "law@1"])
    await until(lambda: "law@1" in replica.adapters)
    assert (fakes[0].loads, replica.doubted) == (["law@1"], set())


async def test_a_replica_that_comes_anew_gets_what_is_wanted(http, fakes) -> None:
    await http.put("/api/adapters/law/1/served")
    replica = http.services.engine.replicas[1]
    fakes[1].healthy = False
    await until(lambda: not replica.is_ready)
    assert (await http.get("/readyz")).json()["parts"]["engine_replicas"] == "1 of 2 ready"
    fakes[1].adapters.clear()
    fakes[1].healthy = True
    await until(lambda: "law@1" in fakes[1].adapters)
