"""What may go, and what holds on to a version."""

from pathlib import Path

import pytest
from tiny_adapter import facts_of

from tandem.adapters import AdapterRegistry
from tandem.adapters.pruning import fates, prune, remove
from tandem.adapters.uses import Uses
from tandem.errors import ConflictError
from tandem.settings import EngineSettings, Settings
from tandem.store import Store


@pytest.fixture
def filled(registry: AdapterRegistry, base: Path, adapter: Path) -> AdapterRegistry:
    for name in ("mine",) * 6 + ("other",):
        registry.register(adapter, name=name, facts=facts_of(base), author="ada")
    return registry


def save_recipe(store: Store, model: str, name: str = "hybrid") -> None:
    prompt, _ = store.save_prompt("p", "text", "ada")
    store.save_recipe(name, "0" * 64, {"model": model}, (prompt.name, prompt.hash), "ada")


def settings(tmp_path: Path, **adapters: object) -> Settings:
    return Settings(data_dir=tmp_path, engine=EngineSettings.model_validate({"adapters": adapters}))


def test_the_newest_the_tagged_and_the_used_stay_and_the_rest_goes(
    filled: AdapterRegistry, store: Store, tmp_path: Path
):
    filled.tag("mine@1", "champion")
    save_recipe(store, "mine@2")
    uses = Uses(store, settings(tmp_path, tuned=tmp_path / "adapters" / "mine" / "3"))
    planned = fates(filled, uses, 1)
    assert {one.version.ref: one.kept for one in planned} == {
        "mine@6": ("among the newest",),
        "mine@5": (),
        "mine@4": (),
        "mine@3": ("setting engine.adapters.tuned",),
        "mine@2": ("recipe hybrid@1",),
        "mine@1": ("tag champion",),
        "other@1": ("among the newest",),
    }
    assert len(filled.versions()) == 7
    assert [one.ref for one in prune(filled, planned, "ada")] == ["mine@5", "mine@4"]
    assert [one.number for one in filled.versions("mine")] == [6, 3, 2, 1]
    assert {one.name for one in (tmp_path / "adapters" / "mine").iterdir()} == {"6", "3", "2", "1"}


def test_a_version_that_got_a_tag_after_the_plan_was_made_stays(
    filled: AdapterRegistry, store: Store, tmp_path: Path
):
    planned = fates(filled, Uses(store, settings(tmp_path)), 1)
    filled.tag("mine@5", "champion")
    assert "mine@5" not in [one.ref for one in prune(filled, planned, "ada")]
    assert filled.get("mine@champion").number == 5


def test_a_recipe_that_names_a_tag_holds_the_version_that_has_it(
    filled: AdapterRegistry, store: Store, tmp_path: Path
):
    save_recipe(store, "mine@live")
    filled.tag("mine@2", "live")
    uses = Uses(store, settings(tmp_path))
    assert uses.of(filled.get("mine@2")) == ["recipe hybrid@1"]
    assert uses.of(filled.get("mine@3")) == []


def test_what_is_in_use_is_removed_only_by_force(filled: AdapterRegistry, store: Store, tmp_path: Path):
    save_recipe(store, "mine@2")
    uses = Uses(store, settings(tmp_path))
    with pytest.raises(ConflictError, match="recipe hybrid@1"):
        remove(filled, uses, filled.get("mine@2"), "ada")
    filled.tag("mine@3", "champion")
    with pytest.raises(ConflictError, match="champion"):
        remove(filled, uses, filled.get("mine@3"), "ada")
    for ref in ("mine@2", "mine@3"):
        remove(filled, uses, filled.get(ref), "ada", force=True)
    assert [one.number for one in filled.versions("mine")] == [6, 5, 4, 1]
