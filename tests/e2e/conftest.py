"""One real Tandem for the whole run: real vLLM, Qdrant Edge, embedder and SQLite, started by `tandem up`.

It runs as `make setup` installs it, without what only tests need.
"""

import time
from collections.abc import Iterator

import pytest
from app_venv import make_app_venv
from running import Tandem, environment_for, free_port, started


@pytest.fixture(scope="session")
def tandem(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tandem]:
    folder = tmp_path_factory.mktemp("tandem")
    environment = environment_for(folder / "data", TANDEM_ENGINE__PORT=str(free_port()))
    python = str(make_app_venv(folder / "venv"))
    with started(environment, log=folder / "up.log", python=python) as server:
        server.wait_ready()
        deadline = time.monotonic() + 120
        while "Tandem is ready" not in server.log.read_text():
            assert time.monotonic() < deadline, server.log_end()
            time.sleep(0.2)
        yield server
