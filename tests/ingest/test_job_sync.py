"""Jobs that make a corpus equal to its sources: what vanished is removed, and nothing else."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from jobs_desk import CALLER, SCOPE, Desk, mail, text_of
from office import zipped

from ingest import Upload
from ingest.jobs import runner
from tandem.errors import StorageError


async def test_sync_removes_what_has_vanished_and_nothing_else(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    desk.write("b.md", text_of("anchor"))
    await desk.do(desk.job(sync=True))
    (desk.folder / "b.md").unlink()
    assert (await desk.do(desk.job())).counts == {"unchanged": 1}
    assert await desk.found("anchor lantern") == {"a.md", "b.md"}
    ended = await desk.do(job := desk.job(sync=True))
    assert ended.counts == {"unchanged": 1, "removed": 1}
    assert desk.states(job)["b.md"] == "removed"
    assert await desk.found("anchor lantern") == {"a.md"}


@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside another source"])
async def test_sync_removes_nothing_where_a_source_lists_nothing(
    desk: Desk, tmp_path: Path, others: bool
) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job(sync=True))
    (desk.folder / "a.md").unlink()
    second = tmp_path / "second"
    second.mkdir()
    (second / "s.md").write_bytes(text_of("anchor"))
    sources = [{"kind": "files", "paths": [str(folder)]} for folder in (desk.folder, second)[: 1 + others]]
    job = desk.store.create_job(CALLER, "docs", {"corpus": "docs", "sources": sources}, sync=True)
    ended = await desk.do(job)
    assert (ended.state, ended.counts) == ("failed", {"created": 1} if others else {})
    assert ended.error is not None
    assert "none was removed" in ended.error["message"]
    assert "a.md" in await desk.found("lantern")


async def test_two_sources_with_the_same_files_are_not_taken_for_an_empty_one(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    source = {"kind": "files", "paths": [str(desk.folder)]}
    job = desk.store.create_job(CALLER, "docs", {"corpus": "docs", "sources": [source, source]}, sync=True)
    assert (await desk.do(job)).state == "done"


async def test_sync_removes_nothing_after_a_listing_that_failed_or_was_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.md", "b.md", "c.md"):
        desk.write(name, text_of(name))
    await desk.do(desk.job(sync=True))
    real = runner.items

    def broken_items(source: Any, reach: Any) -> Any:
        yield next(iter(real(source, reach)))
        raise StorageError("The folder cannot be read")

    monkeypatch.setattr(runner, "items", broken_items)
    assert (await desk.do(desk.job(sync=True))).state == "failed"
    assert await desk.parts.index.count(SCOPE) == 3

    cancelled = desk.job(sync=True)
    monkeypatch.setattr(runner, "_LISTED_AT_ONCE", 1)

    def cancelling_items(source: Any, reach: Any) -> Any:
        for item in real(source, reach):
            desk.store.cancel_job(CALLER, cancelled.id)
            yield item

    monkeypatch.setattr(runner, "items", cancelling_items)
    ended = await desk.do(cancelled)
    assert (ended.state, ended.listed) == ("cancelled", False)
    monkeypatch.undo()
    # Tried again, it must list the rest before it judges what has vanished.
    desk.store.retry_job(CALLER, cancelled.id)
    assert (await desk.do(cancelled)).counts == {"unchanged": 3}
    assert await desk.parts.index.count(SCOPE) == 3


async def test_an_old_sync_that_is_tried_again_leaves_what_came_since(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    desk.write("bad.pdf", b"%PDF-1.7 nonsense")
    old = desk.job(sync=True)
    await desk.do(old)
    desk.write("b.md", text_of("anchor"))
    await desk.do(desk.job(sync=True))
    desk.store.retry_job(CALLER, old.id)
    await desk.do(old)
    assert await desk.found("lantern anchor") == {"a.md", "b.md"}


async def test_sync_leaves_what_came_in_while_it_went_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.md", text_of("lantern"))
    job = desk.job(sync=True)
    ingestor, worker = desk.worker()
    check = runner.JobRunner._check_sources

    def uploading_meanwhile(*arguments: Any) -> None:
        check(*arguments)
        upload = Upload("meanwhile", "m.txt", text_of("anchor"))
        asyncio.run_coroutine_threadsafe(ingestor.ingest(CALLER, "docs", upload), loop).result(20)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(runner.JobRunner, "_check_sources", uploading_meanwhile)
    await worker.run_one(CALLER, job.id)
    await ingestor.close()
    assert desk.store.job(CALLER, job.id).state == "done"
    assert await desk.found("anchor") == {"a.md", "meanwhile"}


async def test_parts_of_an_archive_that_failed_or_did_not_change_stay(desk: Desk) -> None:
    desk.write("box.zip", zipped({"a.txt": text_of("lantern")}))
    desk.write("m.eml", mail("plan", ("notes.txt", text_of("anchor"))))
    await desk.do(desk.job(sync=True))
    desk.write("box.zip", b"PK\x03\x04 damaged now")
    ended = await desk.do(desk.job(sync=True))
    assert ended.counts == {"unchanged": 2, "failed": 1}
    assert await desk.found("lantern anchor plan") == {"a.txt", "notes.txt", "m.eml"}
    desk.write("box.zip", zipped({"b.txt": text_of("compass")}))
    desk.write("m.eml", mail("plan"))
    assert (await desk.do(desk.job(sync=True))).counts["removed"] == 2
    assert await desk.found("lantern anchor plan") == {"b.txt", "m.eml"}
