"""Documents in, replaced and out, with the real store, index and embedder; and every way to be stopped."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from failing_index import FailingIndex
from ingest_parts import Parts, opened
from pdfs import pdf_bytes

from ingest import Upload, writing
from tandem.embedding import Embedder
from tandem.errors import NotFoundError, StorageError, TandemError, UnavailableError, UnreadableDocumentError
from tandem.index import Query
from tandem.vocabulary import Caller, Scope, chunk_id, document_id

CALLER = Caller("acme")
URI = "file:///moon.md"
KNOWN = document_id("acme", "docs", URI)
SCOPE = Scope.of(CALLER)


@pytest.fixture
async def parts(embedder: Embedder, store_url: str | None, tmp_path: Path) -> AsyncIterator[Parts]:
    """On both databases: what a reader sees must not depend on which one it is."""
    async with opened(embedder, tmp_path, store_url) as parts:
        yield parts


def pages_of(word: str, sections: int = 4) -> Upload:
    parts = [
        f"## Part {n}\n\nThe {word} number {n} shines over the quiet harbour tonight."
        for n in range(sections)
    ]
    return Upload(URI, "moon.md", ("# Night\n\n" + "\n\n".join(parts)).encode())


MOON, SUN = pages_of("moon"), pages_of("sun")


async def state_of(parts: Parts) -> tuple[object, ...]:
    """All that a later start can see of the store and the index."""
    question = "Which shines over the harbour?"
    query = Query(question, await parts.embedder.embed_query(question), limit=50)
    passages = await parts.index.search(SCOPE, query)
    return (
        parts.store.current_versions("acme", [KNOWN]),
        parts.store.leftovers(),
        await parts.index.count(SCOPE),
        sorted((p.chunk.id, p.chunk.version, p.chunk.text) for p in passages),
    )


async def test_a_document_is_found_with_its_place(parts: Parts) -> None:
    seen: list[int] = []
    report = await parts.ingestor().ingest(CALLER, "docs", MOON, seen.append)
    record = parts.store.document(CALLER, "docs", KNOWN)
    assert (report.status, report.document_id, report.title) == ("created", KNOWN, "Night")
    assert report.chunks == record.chunks == await parts.index.count(SCOPE) == seen[-1]
    assert report.tokens > 0
    query = Query("moon number 3", await parts.embedder.embed_query("moon number 3"), limit=1)
    (passage,) = await parts.index.search(SCOPE, query)
    assert passage.chunk.section == "Night > Part 3"
    assert passage.chunk.id == chunk_id(KNOWN, record.version, passage.chunk.ordinal)
    assert record.text is not None
    assert record.text[passage.chunk.start : passage.chunk.end] == passage.chunk.text


async def test_a_pdf_is_found_on_its_page(parts: Parts) -> None:
    content = pdf_bytes(["Tides are low.", "The ferry leaves at nine.", "Gulls sleep."], title="Harbour")
    report = await parts.ingestor().ingest(CALLER, "docs", Upload("a.pdf", "a.pdf", content))
    query = Query("ferry", await parts.embedder.embed_query("When does the ferry leave?"), limit=1)
    (passage,) = await parts.index.search(SCOPE, query)
    assert (passage.chunk.page, passage.chunk.title, report.chunks) == (2, "Harbour", 3)


async def test_the_same_file_again_changes_nothing(parts: Parts) -> None:
    first = await parts.ingestor().ingest(CALLER, "docs", MOON)
    before = await state_of(parts)
    again = await parts.ingestor().ingest(CALLER, "docs", MOON)
    assert (again.status, again.chunks, again.tokens) == ("unchanged", first.chunks, 0)
    assert await state_of(parts) == before


async def test_another_way_of_chunking_ingests_again(parts: Parts) -> None:
    await parts.ingestor().ingest(CALLER, "docs", MOON)
    again = await parts.ingestor(chunk_tokens=16, chunk_overlap_tokens=0).ingest(CALLER, "docs", MOON)
    assert again.status == "replaced"
    assert await parts.index.count(SCOPE) == again.chunks


async def test_a_new_content_replaces_the_old(parts: Parts) -> None:
    await parts.ingestor().ingest(CALLER, "docs", MOON)
    report = await parts.ingestor().ingest(CALLER, "docs", SUN)
    current, leftovers, count, passages = await state_of(parts)
    assert (report.status, report.chunks, leftovers) == ("replaced", count, [])
    assert all("sun" in text for _, _, text in passages)
    assert {version for _, version, _ in passages} == {current[KNOWN]}


async def test_going_back_to_an_earlier_content_works(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await ingestor.ingest(CALLER, "docs", MOON)
    before = await state_of(parts)
    await ingestor.ingest(CALLER, "docs", SUN)
    assert (await ingestor.ingest(CALLER, "docs", MOON)).status == "replaced"
    assert await state_of(parts) == before


async def test_readers_have_one_whole_version_at_every_moment(parts: Parts, monkeypatch) -> None:
    monkeypatch.setattr(writing, "_BATCH", 2)
    await parts.ingestor().ingest(CALLER, "docs", MOON)
    seen = []

    def look() -> None:
        text = parts.store.document(CALLER, "docs", KNOWN).text or ""
        seen.append("moon" if "moon" in text else "sun")

    parts.index = FailingIndex(parts.index, watch=look)
    await parts.ingestor().ingest(CALLER, "docs", SUN)
    assert seen == ["moon"] * seen.count("moon") + ["sun"] * seen.count("sun")
    # The old chunks are there until the store has switched, so the last look at the moon finds some.
    assert seen.count("moon") == 4
    assert seen.count("sun") == 2


async def test_tenants_and_corpora_with_the_same_file_do_not_touch(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await ingestor.ingest(CALLER, "docs", MOON)
    before = await state_of(parts)
    for caller, corpus in ((Caller("other"), "docs"), (CALLER, "more")):
        assert (await ingestor.ingest(caller, corpus, SUN)).status == "created"
        await ingestor.remove.document(caller, corpus, document_id(caller.tenant, corpus, URI))
    assert await state_of(parts) == before


async def test_a_deleted_document_leaves_nothing(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await ingestor.ingest(CALLER, "docs", MOON)
    with pytest.raises(NotFoundError):
        await ingestor.remove.document(Caller("other"), "docs", KNOWN)
    await ingestor.remove.document(CALLER, "docs", KNOWN)
    assert await state_of(parts) == ({}, [], 0, [])
    with pytest.raises(NotFoundError):
        await ingestor.remove.document(CALLER, "docs", KNOWN)


async def test_a_deletion_that_could_not_finish_is_invisible_and_can_be_repeated(parts: Parts) -> None:
    await parts.ingestor().ingest(CALLER, "docs", MOON)
    whole = parts.index
    parts.index = FailingIndex(whole, "delete_version 1")
    with pytest.raises(UnavailableError):
        await parts.ingestor().remove.document(CALLER, "docs", KNOWN)
    assert parts.store.corpora(CALLER) == []
    parts.index = whole
    with pytest.raises(NotFoundError):
        await parts.ingestor().remove.document(Caller("other"), "docs", KNOWN)
    await parts.ingestor().remove.document(CALLER, "docs", KNOWN)
    assert await state_of(parts) == ({}, [], 0, [])


@pytest.fixture(scope="module")
def uncrashed(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The state of a run in which nothing failed."""

    async def run() -> tuple[object, ...]:
        async with opened(embedder, tmp_path_factory.mktemp("uncrashed")) as parts:
            await parts.ingestor().ingest(CALLER, "docs", MOON)
            await parts.ingestor().ingest(CALLER, "docs", SUN)
            return await state_of(parts)

    return asyncio.run(run())


BEFORE_SWITCH = ["upsert 1", "upsert 2", "begin_version", "commit_version"]
AFTER_SWITCH = ["delete_version 1", "forget_version"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", BEFORE_SWITCH + AFTER_SWITCH)
async def test_killed_at_any_step_the_next_start_repairs_it(
    parts: Parts, monkeypatch, uncrashed: tuple[object, ...], step: str, after: bool
) -> None:
    monkeypatch.setattr(writing, "_BATCH", 2)
    await parts.ingestor().ingest(CALLER, "docs", MOON)
    before = await state_of(parts)
    whole, store = parts.index, parts.store
    index = FailingIndex(whole, step, after=after)
    parts.index = index
    if " " not in step:
        monkeypatch.setattr(store, step, killing(getattr(store, step), index, after))
    switched = step in AFTER_SWITCH or (step == "commit_version" and after)
    if step in AFTER_SWITCH:
        report = await parts.ingestor().ingest(CALLER, "docs", SUN)
        assert (report.status, len(report.warnings)) == ("replaced", 1)
    else:
        with pytest.raises(TandemError):
            await parts.ingestor().ingest(CALLER, "docs", SUN)
    assert list(store.current_versions("acme", [KNOWN]).values()) != []
    monkeypatch.undo()
    parts.index = whole
    await parts.ingestor().repair()
    if not switched:
        assert await state_of(parts) == before
    await parts.ingestor().ingest(CALLER, "docs", SUN)
    assert await state_of(parts) == uncrashed


def killing(real, index: FailingIndex, after: bool):
    """`real`, a step of the store, with which the process dies."""

    def step(*args: object, **named: object) -> None:
        if after:
            real(*args, **named)
        index.dead = True
        raise StorageError("killed here")

    return step


async def test_a_failure_without_a_crash_cleans_up_by_itself(parts: Parts, monkeypatch) -> None:
    def refuse(*_: object, **named: object) -> None:
        raise StorageError("The disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(parts.store, "commit_version", refuse)
        with pytest.raises(StorageError, match="full"):
            await parts.ingestor().ingest(CALLER, "docs", MOON)
    assert await state_of(parts) == ({}, [], 0, [])


async def test_a_cancelled_ingestion_leaves_nothing(parts: Parts, monkeypatch) -> None:
    monkeypatch.setattr(writing, "_BATCH", 2)
    ingestor = parts.ingestor()
    started = asyncio.Event()
    task = asyncio.create_task(ingestor.ingest(CALLER, "docs", MOON, lambda done: started.set()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await state_of(parts) == ({}, [], 0, [])
    assert (await ingestor.ingest(CALLER, "docs", MOON)).status == "created"


async def test_a_cancellation_during_the_switch_does_not_undo_it(parts: Parts, monkeypatch) -> None:
    ingestor = parts.ingestor()
    loop = asyncio.get_running_loop()
    commit = parts.store.commit_version

    def cancelled_meanwhile(*args: str, **named: int) -> str | None:
        loop.call_soon_threadsafe(task.cancel)
        return commit(*args, **named)

    monkeypatch.setattr(parts.store, "commit_version", cancelled_meanwhile)
    task = asyncio.create_task(ingestor.ingest(CALLER, "docs", MOON))
    with pytest.raises(asyncio.CancelledError):
        await task
    monkeypatch.undo()
    assert (await ingestor.ingest(CALLER, "docs", MOON)).status == "unchanged"
    assert await parts.index.count(SCOPE) > 0


async def test_the_same_document_sent_at_once_is_ingested_once(parts: Parts) -> None:
    ingestor = parts.ingestor()
    reports = await asyncio.gather(*(ingestor.ingest(CALLER, "docs", MOON) for _ in range(4)))
    assert sorted(report.status for report in reports) == ["created"] + ["unchanged"] * 3


async def test_a_file_without_text_leaves_the_old_version_in_place(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await ingestor.ingest(CALLER, "docs", MOON)
    before = await state_of(parts)
    for content in (b" \n ", "\ufeff\n".encode(), pdf_bytes([""])):
        with pytest.raises(UnreadableDocumentError):
            await ingestor.ingest(CALLER, "docs", replace(MOON, content=content))
    assert await state_of(parts) == before


async def test_no_chunk_is_longer_than_the_embedder_reads(parts: Parts) -> None:
    text = "word " * 3_000
    ingestor = parts.ingestor(chunk_tokens=100_000)
    await ingestor.ingest(CALLER, "docs", Upload("u", "u.txt", text.encode()))
    query = Query("word", await parts.embedder.embed_query("word"), limit=50)
    passages = await parts.index.search(SCOPE, query)
    assert len(passages) > 1
    assert max(parts.embedder.count_tokens(p.chunk.text) for p in passages) <= parts.embedder.max_tokens
