"""What a command does by itself where no server runs."""

import asyncio
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from ingest.jobs import worker as worker_module
from tandem.cli.local import local_worker
from tandem.settings import Settings
from tandem.store import Store, open_store
from tandem.store.job_schema import workers


async def test_a_command_says_that_it_lives_whatever_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long removal by a command must not look like that of a process that is dead."""
    monkeypatch.setattr(worker_module, "_BEAT_S", 0.05)
    settings = Settings(data_dir=tmp_path)
    store = open_store(settings.store, tmp_path)
    begin = datetime.fromtimestamp(0, UTC)
    async with local_worker(settings), asyncio.timeout(20):
        with store._writing() as connection:
            connection.execute(update(workers).values(seen_at=begin))
        seen = begin
        while seen == begin:
            await asyncio.sleep(0.02)
            with store._reading() as connection:
                seen = connection.execute(select(workers.c.seen_at)).scalar_one()
    store.close()


async def test_a_command_that_has_ended_is_not_brought_back_by_its_last_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, begun = Store.seen_worker, threading.Event()

    def slow_seen_worker(store: Store, worker: str) -> None:
        begun.set()
        time.sleep(0.3)
        real(store, worker)

    monkeypatch.setattr(Store, "seen_worker", slow_seen_worker)
    settings = Settings(data_dir=tmp_path)
    async with local_worker(settings):
        while not begun.is_set():
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    store = open_store(settings.store, tmp_path)
    with store._reading() as connection:
        assert connection.execute(select(workers.c.id)).all() == []
    store.close()
