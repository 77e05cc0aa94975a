"""`tandem worker` beside a store and an index that others have too."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from postgres import Postgres
from qdrant_stand_in import stand_in
from running import environment_for, free_port, tandem_command

from ingest.accept import Upload
from ingest.jobs.entries import entry_of_upload
from tandem.settings import StoreSettings
from tandem.store import open_store
from tandem.vocabulary import Caller

FACT = "The gate of the Quorvex depot closes at seven."


def test_a_worker_does_jobs_says_how_it_is_and_leaves_when_asked(postgres: Postgres, tmp_path: Path) -> None:
    url, port = postgres.url(postgres.emptied()), free_port()
    with stand_in() as qdrant, (tmp_path / "worker.log").open("wb") as log:
        environment = environment_for(tmp_path / "data", TANDEM_STORE__URL=url, TANDEM_INDEX__URL=qdrant.url)
        command = [sys.executable, "-m", "tandem", "worker", "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        store = open_store(StoreSettings(url=url), tmp_path)
        try:
            _until(lambda: _status(port) == 200)
            file = Upload("gate.md", "gate.md", FACT.encode())
            job = store.create_job(Caller("acme"), "rules", {"sources": []}, files=[entry_of_upload(file)])
            _until(lambda: store.job(Caller("acme"), job.id).ended)
            assert store.job(Caller("acme"), job.id).state == "done"
            assert [one.payload["text"] for one in qdrant.local.scroll("tandem")[0]] == [FACT]
            assert 'tandem_jobs{state="queued"} 0.0' in _get(port, "metrics").text
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            store.close()
            if process.poll() is None:
                process.kill()
                process.wait()


def test_a_worker_of_an_embedded_index_says_why_there_can_be_none(tmp_path: Path) -> None:
    done = tandem_command("worker", environment=environment_for(tmp_path / "data"))
    assert done.returncode == 1
    assert "one owner" in done.stderr


def _get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}/{path}", trust_env=False, timeout=5)


def _status(port: int) -> int:
    with suppress(httpx.TransportError):
        return _get(port, "readyz").status_code
    return 0


def _until(true: object, seconds: float = 90) -> None:
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail("not in time")
        time.sleep(0.1)
