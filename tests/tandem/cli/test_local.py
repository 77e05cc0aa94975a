"""What a command does by itself where no server runs."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, update

from ingest.jobs import worker as worker_module
from tandem.cli.local import local_worker
from tandem.settings import Settings
from tandem.store import open_store
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
    with store._reading() as connection:
        assert connection.execute(select(workers.c.id)).all() == []
    store.close()
