"""Jobs of a server that is going to stop: another process may go on with them at once."""

import asyncio
from pathlib import Path

from app_client import app_client
from fake_vllm import FakeVllm

from ingest.manifest import manifest_of
from tandem.vocabulary import Caller


async def test_a_running_job_is_let_go_when_the_drain_begins_and_not_when_it_ends(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for n in range(600):
        (files / f"{n}.md").write_text(f"# Note {n}\n\n" + f"The lamp {n} of the pier is lit at dusk. " * 20)
    with FakeVllm.serving() as fake:
        async with app_client(fake, tmp_path / "data", documents=False) as http:
            store = http.services.store
            source = {"kind": "files", "paths": [str(files)]}
            manifest = manifest_of({"corpus": "docs", "sources": [source]}).model_dump(mode="json")
            job = store.create_job(Caller(), "docs", manifest, local=True)
            async with asyncio.timeout(60):
                while not store.job(Caller(), job.id).counts.get("created"):
                    await asyncio.sleep(0.05)
                http.services.resilience.drain.begin()
                while (left := store.job(Caller(), job.id)).state != "queued":
                    assert left.state == "running"
                    await asyncio.sleep(0.05)
            assert (await http.get("/readyz")).status_code == 503
            assert (await http.get("/healthz")).status_code == 200
