"""Fixtures that several folders of tests use."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from absl import logging as absl_logging
from hypothesis import settings
from postgres import MISSING, WITHOUT, Postgres, find_programs, started

from tandem.settings import StoreSettings
from tandem.store import Store, open_store

# The same examples on each run, so that a red build comes from a change. `--hypothesis-profile=search` looks
# for new ones; what it finds becomes an `@example`.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("search", max_examples=1_000, deadline=None)
settings.load_profile("repeatable")

# OpenVINO imports absl where it is there (rouge-score, beneath Ragas, brings it). Its handler closes the stderr that
# it first saw when logging is configured anew, which uvicorn does: here that would be a file of pytest's.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__

_DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real questions and documents; absent outside the workplace."""
    if not _DATA.is_dir():
        pytest.skip("../shared/data is not here")
    return _DATA


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL, started when the first test asks for it."""
    if os.environ.get(WITHOUT):
        pytest.skip(f"{WITHOUT} is set")
    programs = find_programs()
    if programs is None:
        pytest.fail(MISSING, pytrace=False)
    with started(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    """For `StoreSettings`: a test that asks for it runs on both databases, each time on an empty one.

    `None` is SQLite in the data folder.
    """
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.emptied())


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite store of the newest schema: a copy of it costs a hundredth of the migrations."""
    folder = tmp_path_factory.mktemp("migrated")
    open_store(StoreSettings(), folder).close()
    return folder / "store.sqlite3"


@pytest.fixture
def store(
    store_url: str | None, tmp_path: Path, migrated: Path, request: pytest.FixtureRequest
) -> Iterator[Store]:
    """An open and empty store, on either database."""
    if store_url is None:
        shutil.copy(migrated, tmp_path)
    else:
        server: Postgres = request.getfixturevalue("postgres")
        server.copied(lambda url: open_store(StoreSettings(url=url), tmp_path).close())
    store = open_store(StoreSettings(url=store_url), tmp_path)
    yield store
    store.close()


@pytest.fixture(autouse=True)
def without_former_applications() -> Iterator[None]:
    """FastAPI's caches hold the functions of routes, these their application, and that its embedder."""
    yield
    models = sys.modules.get("fastapi.dependencies.models")
    for kept in vars(models).values() if models else ():
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
