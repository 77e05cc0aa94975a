"""Registered adapters at the engine, on the whole application; the engine is a fake that can be made to fail."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from app_client import app_client
from fake_vllm import FakeVllm, endless, hang_after, say
from running import environment_for, tandem_command
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from tandem.adapters import AdapterRegistry, AdapterVersion
from tandem.adapters.base import base_hash
from tandem.settings import StoreSettings
from tandem.store import open_store


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_adapter(base, tmp_path_factory.mktemp("trained") / "one")


@pytest.fixture
def fake() -> Iterator[FakeVllm]:
    with FakeVllm.serving() as server:
        yield server
        server.may_load.set()


def register(folder: Path, base: Path, trained: Path, name: str = "law", tag: str = "") -> AdapterVersion:
    """A version in the data folder, as `tandem adapters` makes one."""
    store = open_store(StoreSettings(), folder)
    try:
        registry = AdapterRegistry(folder, store)
        made = registry.register(trained, name=name, facts=facts_of(base), author="ada")
        return registry.tag(made, tag) if tag else made
    finally:
        store.close()


@pytest.fixture
def law(tmp_path: Path, base: Path, trained: Path) -> AdapterVersion:
    return register(tmp_path, base, trained)


@asynccontextmanager
async def started(
    fake: FakeVllm, folder: Path, base: Path, **engine: object
) -> AsyncIterator[httpx.AsyncClient]:
    options = {"base_hash": base_hash(base)} | engine
    async with app_client(fake, folder, documents=False, **options) as client:
        yield client


@pytest.fixture
async def http(
    fake: FakeVllm, tmp_path: Path, base: Path, law: AdapterVersion
) -> AsyncIterator[httpx.AsyncClient]:
    async with started(fake, tmp_path, base) as client:
        yield client


async def save(http: httpx.AsyncClient, name: str, model: str) -> dict:
    body = {"name": name, "from": "base", "changes": {"model": model}}
    response = await http.post("/api/recipes", json=body)
    assert response.status_code == 201, response.text
    return response.json()


async def ask(http: httpx.AsyncClient, model: str = "tandem", **more: object) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "When?"}], **more}
    return await http.post("/v1/chat/completions", json=body)


async def until(true: object, seconds: float = 15.0) -> None:
    """Return once `true()` is so; what another task does in the background."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


def fault(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    return response.status_code, error["type"], f"{error['message']} {error.get('hint')}"


async def test_a_version_is_loaded_under_its_ref_and_seen_everywhere(
    http: httpx.AsyncClient, fake: FakeVllm, tmp_path: Path
) -> None:
    put = await http.put("/api/adapters/law/1/served")
    assert put.status_code == 200, put.text
    assert (put.json()["adapter"], put.json()["pinned"], put.json()["loaded"]) == ("law@1", True, True)
    assert fake.adapters == {"law@1": str(tmp_path.resolve() / "adapters" / "law" / "1")}
    assert (await http.get("/api/served-adapters")).json()["adapters"] == [put.json()]
    assert (await http.get("/readyz")).json()["parts"]["adapters"] == "law@1"
    page = (await http.get("/metrics")).text
    assert "tandem_adapters_loaded 1.0" in page
    assert 'tandem_adapter_loads_total{outcome="loaded"} 1.0' in page
    assert "tandem_adapter_load_seconds_count 1.0" in page
    gone = await http.delete("/api/adapters/law/1/served")
    assert (gone.json()["loaded"], gone.json()["pinned"], fake.adapters) == (False, False, {})


async def test_what_is_served_comes_back_with_a_new_vllm_and_a_new_tandem(
    fake: FakeVllm, tmp_path: Path, base: Path, law: AdapterVersion
) -> None:
    async with started(fake, tmp_path, base) as http:
        await http.put("/api/adapters/law/1/served")
        fake.healthy = False
        await until(lambda: http.services.engine.state.value == "restarting")
        fake.adapters.clear()
        fake.healthy = True
        await until(lambda: "law@1" in fake.adapters)
    fake.adapters.clear()
    async with started(fake, tmp_path, base):
        await until(lambda: "law@1" in fake.adapters)


async def test_a_recipe_loads_its_adapter_once_for_all_who_wait(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    saved = await save(http, "lawyer", "law")
    assert saved["definition"]["model"] == "law@1"
    fake.may_load.clear()
    asking = [asyncio.create_task(ask(http, "tandem:lawyer")) for _ in range(8)]
    await until(lambda: fake.loads)
    assert not any(one.done() for one in asking)
    fake.may_load.set()
    answers = await asyncio.gather(*asking)
    assert [one.status_code for one in answers] == [200] * 8
    assert (fake.loads, {one["model"] for one in fake.requests}) == (["law@1"], {"law@1"})


async def test_the_load_goes_on_when_the_first_who_wants_it_leaves(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    await save(http, "lawyer", "law@1")
    fake.may_load.clear()
    first = asyncio.create_task(ask(http, "tandem:lawyer"))
    await until(lambda: fake.loads)
    first.cancel()
    second = asyncio.create_task(ask(http, "tandem:lawyer"))
    fake.may_load.set()
    assert (await second).status_code == 200
    assert fake.loads == ["law@1"]


async def test_an_adapter_that_vanished_from_the_engine_is_loaded_again_by_the_request(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    await save(http, "lawyer", "law@1")
    assert (await ask(http, "tandem:lawyer")).status_code == 200
    fake.adapters.clear()
    assert (await ask(http, "tandem:lawyer")).status_code == 200
    assert fake.loads == ["law@1", "law@1"]


async def test_a_load_that_fails_says_so_and_wants_nothing(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    await save(http, "lawyer", "law@1")
    fake.load_fault = (500, {"error": {"message": "shapes do not fit", "code": 500}})
    status, kind, words = fault(await http.put("/api/adapters/law/1/served"))
    assert (status, kind) == (503, "engine_unavailable_error")
    assert "shapes do not fit" in words
    assert fault(await ask(http, "tandem:lawyer"))[1] == "engine_unavailable_error"
    assert fake.requests == []
    assert http.services.store.served_adapters() == []
    assert 'tandem_adapter_loads_total{outcome="failed"} 1.0' in (await http.get("/metrics")).text
    fake.load_fault = None
    assert (await http.put("/api/adapters/law/1/served")).json()["failure"] is None
    assert (await ask(http, "tandem:lawyer")).status_code == 200


async def test_damaged_files_never_reach_the_engine(
    http: httpx.AsyncClient, fake: FakeVllm, tmp_path: Path
) -> None:
    weights = tmp_path / "adapters" / "law" / "1" / "adapter_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(content)
    status, kind, words = fault(await http.put("/api/adapters/law/1/served"))
    assert (status, kind) == (507, "storage_error"), words
    assert fake.loads == []
    assert 'tandem_adapter_loads_total{outcome="refused"} 1.0' in (await http.get("/metrics")).text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_hash": "0" * 64}, "of another base model"),
        ({"base_hash": None}, "set engine.base_hash to"),
    ],
)
async def test_an_adapter_of_another_base_or_an_unknown_one_is_refused(
    fake: FakeVllm, tmp_path: Path, base: Path, law: AdapterVersion, settings: dict, words: str
) -> None:
    async with started(fake, tmp_path, base, **settings) as http:
        status, kind, said = fault(await http.put("/api/adapters/law/1/served"))
        assert (status, kind) == (400, "invalid_request_error")
        assert words in said
        await save(http, "lawyer", "law@1")
        assert fault(await ask(http, "tandem:lawyer"))[0] == 400
        assert fault(await http.put("/api/champion", json={"recipe": "lawyer"}))[0] == 400
        assert (await http.get("/api/champion")).json()["champion"] == "rag"
    assert fake.loads == []


async def test_the_setting_any_loads_without_knowing_the_base(
    fake: FakeVllm, tmp_path: Path, base: Path, law: AdapterVersion
) -> None:
    async with started(fake, tmp_path, base, base_hash="any") as http:
        assert (await http.put("/api/adapters/law/1/served")).status_code == 200


@pytest.mark.parametrize(
    ("options", "words"), [({"r": 32}, "over engine.max_lora_rank"), ({"use_dora": True}, "DoRA")]
)
async def test_a_rank_too_high_and_dora_are_refused_before_the_engine_sees_them(
    fake: FakeVllm, tmp_path: Path, base: Path, options: dict, words: str
) -> None:
    register(tmp_path / "data", base, tiny_adapter(base, tmp_path / "trained", **options))
    async with started(fake, tmp_path / "data", base) as http:
        status, _, said = fault(await http.put("/api/adapters/law/1/served"))
        assert (status, words in said) == (400, True), said
    assert fake.loads == []


async def test_unloading_waits_for_the_last_running_request(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    await save(http, "lawyer", "law@1")
    await http.put("/api/adapters/law/1/served")
    fake.plays = [hang_after("So"), say("Done")]
    running = asyncio.create_task(ask(http, "tandem:lawyer"))
    await until(lambda: fake.requests)
    gone = (await http.delete("/api/adapters/law/1/served")).json()
    assert (gone["loaded"], gone["in_flight"]) == (True, 1)
    await asyncio.sleep(1.5)  # the reconciler has looked meanwhile
    assert "law@1" in fake.adapters
    fake.ended.set()
    await running
    await until(lambda: not fake.adapters)


async def test_the_champion_is_not_unloaded(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    await save(http, "lawyer", "law@1")
    assert (await http.put("/api/champion", json={"recipe": "lawyer"})).status_code == 200
    status, kind, words = fault(await http.delete("/api/adapters/law/1/served"))
    assert (status, kind, "recipes champion" in words) == (409, "conflict_error", True)
    assert "law@1" in fake.adapters


async def test_a_champion_with_an_adapter_serves_only_once_that_is_loaded(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    await save(http, "lawyer", "law@1")
    fake.may_load.clear()
    change = asyncio.create_task(http.put("/api/champion", json={"recipe": "lawyer"}))
    await until(lambda: fake.loads)
    assert (await http.get("/api/champion")).json()["champion"] == "rag"
    fake.may_load.set()
    assert (await change).json()["recipe"]["name"] == "lawyer"
    assert (await ask(http)).json()["tandem"]["recipe"] == "lawyer"
    back = await http.post("/api/champion/rollback", json={})
    assert back.json()["champion"] == "rag"


async def test_a_champion_that_another_process_makes_waits_for_its_adapter(
    http: httpx.AsyncClient, fake: FakeVllm, tmp_path: Path
) -> None:
    await save(http, "lawyer", "law@1")
    fake.load_fault = (500, {"error": {"message": "no memory", "code": 500}})
    environment = environment_for(tmp_path, TANDEM_ENGINE__ADDRESS=fake.address)
    command = ("recipes", "champion", "lawyer", "--json")
    done = await asyncio.to_thread(tandem_command, *command, environment=environment)
    assert done.returncode == 0, done.stderr
    await asyncio.sleep(1.2)
    assert (await http.get("/api/champion")).json()["champion"] == "rag"
    fake.load_fault = None
    await until(lambda: http.services.recipes.champion.startswith("lawyer@"))
    assert "law@1" in fake.adapters


async def test_tuned_and_hybrid_follow_the_champion_tag(
    http: httpx.AsyncClient, fake: FakeVllm, tmp_path: Path, base: Path, trained: Path
) -> None:
    assert (await http.get("/api/recipes/hybrid")).status_code == 404
    register(tmp_path, base, trained, tag="champion")
    book = http.services.recipes
    await until(lambda: "hybrid" in book.names())
    assert [book.find(name).model for name in ("tuned", "hybrid", "rag")] == ["law@2", "law@2", "base"]
    assert "law@2" in fake.adapters
    assert (await http.put("/api/champion", json={"recipe": "tuned"})).status_code == 200
    register(tmp_path, base, trained, tag="champion")
    await until(lambda: book.find("tuned").model == "law@3")
    assert "law@3" in fake.adapters
    assert (await ask(http)).json()["tandem"]["recipe_version"] == book.find("tuned").version
    assert fake.requests[-1]["model"] == "law@3"


async def test_the_adapter_longest_unused_makes_room(
    fake: FakeVllm, tmp_path: Path, base: Path, trained: Path
) -> None:
    for _ in range(4):
        register(tmp_path, base, trained)
    async with started(fake, tmp_path, base, max_loras=1, max_cpu_loras=2) as http:
        await http.put("/api/adapters/law/1/served")
        for number in (2, 3):
            await save(http, f"lawyer{number}", f"law@{number}")
            assert (await ask(http, f"tandem:lawyer{number}")).status_code == 200
        assert set(fake.adapters) == {"law@1", "law@3"}
        await http.put("/api/adapters/law/3/served")
        status, kind, words = fault(await http.put("/api/adapters/law/4/served"))
        assert (status, kind, "max_cpu_loras" in words) == (409, "conflict_error", True)
        assert set(fake.adapters) == {"law@1", "law@3"}


async def test_a_name_that_the_engine_has_from_elsewhere_is_a_conflict(
    http: httpx.AsyncClient, fake: FakeVllm
) -> None:
    fake.adapters["law@1"] = "/somewhere/else"
    status, kind, words = fault(await http.put("/api/adapters/law/1/served"))
    assert (status, kind, "/somewhere/else" in words) == (409, "conflict_error", True)


async def test_a_stream_that_is_left_lets_go_of_its_adapter(http: httpx.AsyncClient, fake: FakeVllm) -> None:
    await save(http, "lawyer", "law@1")
    fake.plays = [endless]
    asking = asyncio.create_task(ask(http, "tandem:lawyer", stream=True))
    await until(lambda: fake.requests)
    asking.cancel()
    await until(lambda: all(one.in_flight == 0 for one in http.services.adapters.status()))


@pytest.mark.parametrize("path", ["/v1/load_lora_adapter", "/v1/unload_lora_adapter"])
async def test_the_engines_own_routes_are_not_reachable(
    http: httpx.AsyncClient, fake: FakeVllm, path: str
) -> None:
    response = await http.post(path, json={"lora_name": "evil", "lora_path": "/"})
    assert response.status_code in (404, 405)
    assert fake.adapters == {}


@pytest.mark.parametrize("version", ["9", "nosuch", "%2e%2e%2f1"])
async def test_a_version_that_is_not_registered_is_not_found(http: httpx.AsyncClient, version: str) -> None:
    assert (await http.put(f"/api/adapters/law/{version}/served")).status_code == 404


async def test_a_recipe_of_an_unknown_adapter_is_not_saved(http: httpx.AsyncClient) -> None:
    body = {"name": "x", "from": "base", "changes": {"model": "law@7"}}
    status, _, words = fault(await http.post("/api/recipes", json=body))
    assert (status, "adapters list" in words) == (400, True)


def test_commands_without_a_server_say_that_one_is_needed(tmp_path: Path) -> None:
    done = tandem_command("adapters", "load", "law@1", environment=environment_for(tmp_path))
    assert (done.returncode, "tandem up" in done.stderr) == (1, True)
    done = tandem_command("adapters", "load", "law", environment=environment_for(tmp_path))
    assert (done.returncode, "names no version" in done.stderr + done.stdout) == (1, False)


def test_the_status_is_json_that_a_script_can_read() -> None:
    from server.adapters import AdapterStatus
    from server.api.served_adapters import _body

    told = json.loads(_body(AdapterStatus("law@1", True, False, 2, "why")).model_dump_json())
    assert told == {"adapter": "law@1", "pinned": True, "loaded": False, "in_flight": 2, "failure": "why"}
