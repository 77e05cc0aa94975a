"""A server judges by what is in the store and beside its adapters, wherever that was made."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_adapter import facts_of, tiny_adapter, tiny_base

from server.drift.calibrating import calibration_of, sample_of_searched
from server.drift.domains import Domains
from server.drift.following import DomainFollower
from tandem.adapters import AdapterRegistry
from tandem.adapters.bundle import export_adapter, import_adapter
from tandem.adapters.training_questions import QUESTIONS, TrainingQuestions, write_training_questions
from tandem.prompts import PromptLibrary
from tandem.recipes import builtin_recipes
from tandem.settings import Settings, StoreSettings
from tandem.store import Store, open_store

VECTORS = np.random.default_rng(5).normal(size=(100, 8)).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(StoreSettings(), tmp_path)
    yield opened
    opened.close()


def follower(store: Store, data_dir: Path, adapter: str | None = None) -> tuple[DomainFollower, Domains]:
    settings = Settings(data_dir=data_dir)
    services = SimpleNamespace(
        settings=settings,
        store=store,
        domains=Domains(),
        recipes=builtin_recipes(settings, PromptLibrary(), adapter=adapter),
        adapters=SimpleNamespace(is_registered=lambda model: "@" in model),
    )
    return DomainFollower(services), services.domains


async def test_a_calibration_that_another_server_made_holds_here_and_goes_with_its_tenant(
    store: Store, tmp_path: Path
) -> None:
    following, domains = follower(store, tmp_path)
    await following.follow()
    assert domains.tenants == {}
    sample = sample_of_searched(list(VECTORS), [0.5] * 100, [0.5] * 100)
    made = calibration_of(sample, "e", "acme", 0.05, "test", "tester")
    store.set_outside_calibration(made, "test")
    await following.follow()
    first = domains.tenants["acme"]
    assert first.vectors.shape == (50, 8)
    store.set_outside_calibration(replace(made, false_alarms=0.1), "test")
    await following.follow()
    assert domains.tenants["acme"].rate == 0.1
    assert domains.tenants["acme"].label != first.label
    store.retire("acme")
    await following.follow()
    assert domains.tenants == {}


async def test_training_questions_go_with_a_version_through_registry_and_bundle(
    store: Store, tmp_path: Path
) -> None:
    base = tiny_base(tmp_path)
    folder = tiny_adapter(base, tmp_path)
    run = shutil.copytree(folder, tmp_path / "run")
    write_training_questions(run, TrainingQuestions("e", VECTORS))
    registry = AdapterRegistry(tmp_path, store)
    plain = registry.register(folder, name="plain", facts=facts_of(base), author="ada", base=base)
    made = registry.register(run, name="mine", facts=facts_of(base), author="ada", base=base)
    assert QUESTIONS in made.files
    export_adapter(registry, made, tmp_path / "mine.tar")
    again = import_adapter(registry, tmp_path / "mine.tar", author="ada", name="again")
    for version, known in ((made, True), (again, True), (plain, False)):
        following, domains = follower(store, tmp_path, version.ref)
        await following.follow()
        assert (version.ref in domains.adapters) is known
