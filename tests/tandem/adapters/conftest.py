"""A tiny base, an adapter on it, and a registry on either database."""

import shutil
from pathlib import Path

import pytest
from tiny_adapter import tiny_adapter, tiny_base

from tandem.adapters import AdapterRegistry
from tandem.settings import StoreSettings
from tandem.store import Store, open_store


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """To be read only."""
    return tiny_adapter(base, tmp_path_factory.mktemp("adapter"))


@pytest.fixture
def registry(store: Store, tmp_path: Path) -> AdapterRegistry:
    """On both databases."""
    return AdapterRegistry(tmp_path, store)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an empty store: to copy it is quicker than to make it."""
    folder = tmp_path_factory.mktemp("migrated")
    open_store(StoreSettings(), folder).close()
    return folder / "store.sqlite3"


@pytest.fixture
def here(migrated: Path, tmp_path: Path):
    """On SQLite alone, for what the database has no part in."""
    shutil.copyfile(migrated, tmp_path / migrated.name)
    store = open_store(StoreSettings(), tmp_path)
    yield AdapterRegistry(tmp_path, store)
    store.close()
