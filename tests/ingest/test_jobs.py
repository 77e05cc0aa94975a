"""Jobs from their sources to the index and out again, with the real parts."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jobs_desk import CALLER, SCOPE, Desk, mail, text_of, until, working
from office import zipped

from ingest import Upload, pipeline
from ingest.jobs import follow
from tandem.vocabulary import Where


async def test_a_folder_is_ingested_and_each_document_accounted_for(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    desk.write("sub/b.txt", text_of("anchor"))
    desk.write("broken.pdf", b"%PDF-1.7 nonsense")
    desk.write("photo.png", b"not taken from a folder")
    ended = await desk.do(job := desk.job())
    assert (ended.state, ended.counts, ended.error) == ("done", {"created": 2, "failed": 1}, None)
    assert ended.listed
    assert ended.chunks == await desk.parts.index.count(SCOPE) == 2
    (failure,) = desk.store.job_documents(CALLER, job.id, "failed")
    assert failure.error is not None
    assert (failure.name, failure.error["type"]) == ("broken.pdf", "unreadable_document_error")
    assert await desk.found("lantern anchor") == {"a.md", "b.txt"}
    again = await desk.do(desk.job())
    assert (again.counts, again.chunks, again.tokens) == ({"unchanged": 2, "failed": 1}, 0, 0)


async def test_a_changed_file_is_replaced(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job())
    desk.write("a.md", text_of("anchor"))
    assert (await desk.do(desk.job())).counts == {"replaced": 1}
    assert await desk.parts.index.count(SCOPE) == 1


async def test_archives_and_those_within_become_documents_at_addresses_of_their_own(desk: Desk) -> None:
    inner = zipped({"deep.txt": text_of("compass")})
    desk.write(
        "box.zip", zipped({"a.txt": text_of("lantern"), "more/inner.zip": inner, "bad.pdf": b"%PDF-x"})
    )
    ended = await desk.do(job := desk.job())
    assert ended.counts == {"unpacked": 1, "created": 2, "failed": 1}
    assert desk.states(job)["deep.txt"] == "created"
    uris = set(desk.store.current_uris(CALLER, "docs", datetime.now(UTC)).values())
    box = (desk.folder / "box.zip").as_uri()
    assert uris == {f"{box}!/a.txt", f"{box}!/more/inner.zip!/deep.txt"}


async def test_an_archive_within_too_many_mails_and_archives_is_refused(desk: Desk) -> None:
    content = text_of("compass")
    name = "deep.txt"
    for depth in range(4):
        content = mail(f"letter {depth}", (name, content)) if depth % 2 == 0 else zipped({name: content})
        name = f"{depth}.eml" if depth % 2 == 0 else f"{depth}.zip"
    desk.write("outer.zip", content)
    ended = await desk.do(job := desk.job(), max_nesting=2)
    (failure,) = desk.store.job_documents(CALLER, job.id, "failed")
    assert failure.error is not None
    assert "deeper than 2" in failure.error["message"]
    assert ended.state == "done"
    assert "compass" not in str(await desk.found("compass"))


async def test_attachments_become_documents_with_the_marks_of_their_mail(desk: Desk) -> None:
    desk.write(
        "m.eml", mail("plan", ("notes.txt", text_of("lantern")), ("box.zip", zipped({"x.txt": text_of("x")})))
    )
    ended = await desk.do(job := desk.job(tags=["legal"], metadata={"year": 2024}))
    assert ended.counts == {"created": 3, "unpacked": 1}
    assert desk.states(job) == {
        "m.eml": "created",
        "notes.txt": "created",
        "box.zip": "unpacked",
        "x.txt": "created",
    }
    assert await desk.found("lantern", Where(tags=("legal",))) >= {"notes.txt", "x.txt", "m.eml"}


async def test_attachments_of_a_mail_that_is_in_already_are_not_forgotten(desk: Desk) -> None:
    """As after a stop between the mail's switch and the listing of what it holds."""
    content = mail("plan", ("notes.txt", text_of("lantern")))
    uri = desk.write("m.eml", content)
    ingestor, _ = desk.worker()
    await ingestor.ingest(CALLER, "docs", Upload(uri, "m.eml", content))
    await ingestor.close()
    ended = await desk.do(job := desk.job())
    assert ended.counts == {"unchanged": 1, "created": 1}
    assert desk.states(job)["notes.txt"] == "created"


async def test_records_become_documents(desk: Desk) -> None:
    lines = [
        {"id": n, "body": text_of(f"lantern {n}").decode(), "kind": kind} for n, kind in enumerate("aab")
    ]
    desk.write("r.jsonl", "\n".join(json.dumps(line) for line in lines))
    mapping = {"text": "body", "uri": "id", "metadata": ["kind"]}
    ended = await desk.do(desk.job(records=mapping))
    assert ended.counts == {"unpacked": 1, "created": 3}
    chosen = Where(metadata=(("kind", ("a",)),))
    assert await desk.found("lantern", chosen) == {"r.jsonl#0", "r.jsonl#1"}


async def test_questions_are_narrowed_by_marks(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job(tags=["legal", "old"], metadata={"year": 2024}))
    assert await desk.found("lantern", Where(tags=("legal", "old"))) == {"a.md"}
    assert await desk.found("lantern", Where(tags=("legal", "new"))) == set()
    assert await desk.found("lantern", Where(metadata=(("year", (2024,)),))) == {"a.md"}
    assert await desk.found("lantern", Where(metadata=(("year", (2023,)),))) == set()


async def test_a_corpus_is_cut_as_its_manifest_says(desk: Desk) -> None:
    desk.write("a.md", b"\n\n".join(text_of(f"lantern {n}") for n in range(8)))
    await desk.do(desk.job())
    whole = await desk.parts.index.count(SCOPE)
    manifest = {
        "corpus": "docs",
        "sources": [{"kind": "files", "paths": [str(desk.folder)]}],
        "splitting": {"tokens": 24, "overlap": 0},
    }
    ended = await desk.do(desk.store.create_job(CALLER, "docs", manifest))
    assert ended.counts == {"replaced": 1}
    assert await desk.parts.index.count(SCOPE) == ended.chunks > whole
    assert desk.store.splitting_of("acme", "docs") == {"tokens": 24, "overlap": 0}


async def test_another_moment_of_expiry_embeds_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job())
    soon = datetime.now(UTC) + timedelta(seconds=4)
    ended = await desk.do(desk.job(expires_at=soon.isoformat()))
    assert (ended.counts, ended.tokens) == ({"unchanged": 1}, 0)
    assert await desk.found("lantern") == {"a.md"}
    await asyncio.sleep(max(0, (soon - datetime.now(UTC)).total_seconds()) + 0.05)
    assert await desk.found("lantern") == set()
    assert await desk.parts.index.count(SCOPE) == 1
    ended = await desk.do(desk.job())
    assert (ended.counts, ended.tokens) == ({"unchanged": 1}, 0)
    assert await desk.found("lantern") == {"a.md"}


async def test_what_has_expired_is_removed_by_itself(desk: Desk) -> None:
    desk.write("a.md", text_of("lantern"))
    await desk.do(desk.job(expires_at=(datetime.now(UTC) - timedelta(seconds=1)).isoformat()))
    assert await desk.parts.index.count(SCOPE) == 1
    async with working(desk):
        await until(lambda: not desk.store.corpora(CALLER))
    assert await desk.parts.index.count(SCOPE) == 0


async def test_a_corpus_that_is_deleted_under_a_job_stays_deleted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document is just being read, so the store knows nothing of it when its corpus goes."""
    desk.write("a.md", text_of("lantern"))
    ingestor, worker = desk.worker()
    loop, real = asyncio.get_running_loop(), pipeline.parse

    def deleting_meanwhile(*arguments: Any) -> Any:
        asyncio.run_coroutine_threadsafe(ingestor.remove.corpus(CALLER, "docs"), loop).result(20)
        return real(*arguments)

    monkeypatch.setattr(pipeline, "parse", deleting_meanwhile)
    job = desk.job()
    async with asyncio.timeout(30):
        claimed = desk.store.claim_job("w1", job.id)
        assert claimed is not None
        await worker._runner.run(*claimed)
    await ingestor.close()
    assert not desk.store.holds("acme", "docs")
    assert await desk.parts.index.count(SCOPE) == 0
    assert desk.store.jobs(CALLER) == []


async def test_followers_see_every_document_once_and_the_end_last(desk: Desk) -> None:
    for number in range(5):
        desk.write(f"{number}.md", text_of(f"lantern {number}"))
    job = desk.job()

    async def watch() -> list[Any]:
        return [event async for event in follow(desk.store, CALLER, job.id)]

    watching = asyncio.create_task(watch())
    await desk.do(job)
    events = await asyncio.wait_for(watching, 20)
    seen = sorted(event.document.name for event in events if event.document is not None)
    assert seen == [f"{number}.md" for number in range(5)]
    assert (events[-1].document, events[-1].job.state) == (None, "done")


async def test_a_name_that_is_no_utf8_is_ingested(desk: Desk) -> None:
    raw = os.fsencode(desk.folder) + b"/caf\xe9.md"
    Path(os.fsdecode(raw)).write_bytes(text_of("lantern"))
    assert (await desk.do(desk.job())).counts == {"created": 1}
