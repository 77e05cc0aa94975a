"""Access groups through the whole of ingestion: kept, changed, and never got round by a copy or a link."""

from dataclasses import replace
from typing import Any

import pytest
from ingest_parts import Parts
from jobs_desk import CALLER, Desk, mail, text_of

from ingest import Ingestor, Upload
from tandem.errors import ForbiddenError, InvalidRequestError, NotFoundError
from tandem.index import Query
from tandem.vocabulary import Caller, Marks, Scope, document_id

TEXT = b"The Quorvex gate closes at seven in the evening, and the guard walks home by the river."
LEGAL, HR, NOBODY = (replace(CALLER, groups=groups) for groups in (("legal",), ("hr",), ()))


def known(uri: str) -> str:
    return document_id("acme", "docs", uri)


async def seen(parts: Parts, caller: Caller) -> set[str]:
    """Documents that a question finds, after both looks: the index's and the store's."""
    question = "When does the Quorvex gate close?"
    query = Query(question, await parts.embedder.embed_query(question), 50)
    scope = Scope.of(caller)
    found = await parts.index.search(scope, query)
    visible = parts.store.visible_versions(scope, [p.chunk.document_id for p in found])
    return {p.chunk.uri for p in found if visible.get(p.chunk.document_id) == p.chunk.version}


async def put(ingestor: Ingestor, uri: str, content: bytes = TEXT, **more: Any) -> str:
    caller = more.pop("caller", CALLER)
    return (await ingestor.ingest(caller, "docs", Upload(uri, "a.txt", content, **more))).status


async def test_a_document_is_for_the_groups_that_its_ingestion_states(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a", groups=("legal",))
    assert (await seen(parts, NOBODY), await seen(parts, HR)) == (set(), set())
    assert (await seen(parts, LEGAL), await seen(parts, CALLER)) == ({"a"}, {"a"})
    assert parts.store.document(LEGAL, "docs", known("a")).groups == ("legal",)


@pytest.mark.parametrize("content", [TEXT, TEXT + b" It opens at six."])
async def test_ingesting_again_keeps_groups_unless_others_are_stated(parts: Parts, content: bytes) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a")
    await ingestor.share.document(CALLER, "docs", known("a"), ["legal"])
    await put(ingestor, "a", content)
    assert (await seen(parts, NOBODY), await seen(parts, LEGAL)) == (set(), {"a"})
    await put(ingestor, "a", content, groups=("hr",))
    assert (await seen(parts, LEGAL), await seen(parts, HR)) == (set(), {"a"})
    await put(ingestor, "a", content, groups=())
    assert await seen(parts, NOBODY) == {"a"}


async def test_new_marks_and_a_new_end_keep_groups(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a", groups=("legal",))
    await put(ingestor, "a", marks=Marks(("north",)))
    assert (await seen(parts, NOBODY), await seen(parts, LEGAL)) == (set(), {"a"})


async def test_a_share_is_audited_once_and_a_hidden_document_is_not_there_to_be_shared(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a")
    for _ in range(2):
        shared = await ingestor.share.document(CALLER, "docs", known("a"), ["legal", "board", "legal"])
    assert shared.groups == ("board", "legal")
    (entry,) = parts.store.audit_entries("acme")
    assert (entry.action, entry.object, entry.subject) == ("document.shared", known("a"), "local")
    assert entry.details == {"corpus": "docs", "groups": ["board", "legal"], "before": []}
    for caller, corpus in ((HR, "docs"), (Caller("other"), "docs"), (CALLER, "more")):
        with pytest.raises(NotFoundError):
            await ingestor.share.document(caller, corpus, known("a"), [])
    with pytest.raises(InvalidRequestError):
        await ingestor.share.document(CALLER, "docs", known("a"), [" legal"])


async def test_who_has_groups_names_none_but_these_and_writes_over_nothing_unseen(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a", groups=("legal",))
    with pytest.raises(ForbiddenError):
        await put(ingestor, "b", groups=("legal",), caller=HR)
    with pytest.raises(ForbiddenError):
        await put(ingestor, "a", b"Something else altogether.", caller=HR)
    with pytest.raises(NotFoundError):
        await ingestor.remove.document(HR, "docs", known("a"))
    with pytest.raises(ForbiddenError):
        await ingestor.remove.corpus(HR, "docs")
    with pytest.raises(ForbiddenError):
        await ingestor.remove.tenant(HR)
    assert await seen(parts, LEGAL) == {"a"}
    await put(ingestor, "b", groups=("hr",), caller=HR)
    with pytest.raises(ForbiddenError):
        await ingestor.share.document(HR, "docs", known("b"), ["legal"])
    await ingestor.remove.document(HR, "docs", known("b"))


async def test_copies_for_different_callers_do_not_hide_behind_one_another(parts: Parts) -> None:
    ingestor = parts.ingestor()
    assert await put(ingestor, "a", groups=("legal",)) == "created"
    assert await put(ingestor, "b") == "created"
    assert await put(ingestor, "c", groups=("hr",)) == "created"
    assert await put(ingestor, "d", groups=("legal",)) == "duplicate"
    assert await put(ingestor, "e") == "duplicate"
    assert await seen(parts, NOBODY) == {"b"}
    assert await seen(parts, HR) == {"b", "c"}
    assert await seen(parts, LEGAL) == {"a", "b"}


async def test_a_copy_has_a_place_of_its_own_once_its_original_is_for_others(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a")
    assert await put(ingestor, "b") == "duplicate"
    await ingestor.share.document(CALLER, "docs", known("a"), ["legal"])
    assert (await seen(parts, NOBODY), await seen(parts, LEGAL)) == ({"b"}, {"a", "b"})


async def test_a_copy_has_a_place_of_its_own_once_it_is_for_others_itself(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a", groups=("legal",))
    assert await put(ingestor, "b", groups=("legal",)) == "duplicate"
    await ingestor.share.document(CALLER, "docs", known("b"), [])
    assert (await seen(parts, NOBODY), await seen(parts, LEGAL)) == ({"b"}, {"a", "b"})
    assert parts.store.orphaned_duplicates() == []


async def test_a_copy_that_another_process_has_left_behind_is_an_orphan(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a")
    await put(ingestor, "b")
    parts.store.set_groups(CALLER, "docs", known("a"), ["legal"])
    assert [one.uri for one in parts.store.orphaned_duplicates()] == ["b"]
    await ingestor.index_orphans()
    assert await seen(parts, NOBODY) == {"b"}


async def test_an_original_with_new_words_lets_go_of_copies_for_others(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a")
    assert await put(ingestor, "b") == "duplicate"
    await put(ingestor, "a", TEXT + b" ", groups=("legal",))
    assert (await seen(parts, NOBODY), await seen(parts, LEGAL)) == ({"b"}, {"a", "b"})


async def test_what_is_within_a_document_takes_its_groups(parts: Parts) -> None:
    ingestor = parts.ingestor()
    letter = mail("plan", ("gate.txt", TEXT))
    report = await ingestor.ingest(CALLER, "docs", Upload("m", "m.eml", letter, groups=("legal",)))
    (inner,) = report.attachments
    assert inner.groups == ("legal",)
    # Also where it is ingested later, by a run that states none.
    await ingestor.ingest(CALLER, "docs", replace(inner, groups=None))
    assert (await seen(parts, NOBODY), await seen(parts, LEGAL)) == (set(), {"m", "m!/gate.txt"})


async def test_groups_go_with_the_last_version(parts: Parts) -> None:
    ingestor = parts.ingestor()
    await put(ingestor, "a", groups=("legal",))
    await ingestor.remove.document(CALLER, "docs", known("a"))
    assert parts.store.groups_of(known("a")) == ()
    await put(ingestor, "b", groups=("legal",))
    await ingestor.remove.corpus(CALLER, "docs")
    assert parts.store.groups_of(known("b")) == ()


async def test_a_jobs_documents_are_for_its_groups_and_its_lists_name_them_to_no_other(desk: Desk) -> None:
    desk.write("gate.txt", TEXT)
    desk.write("pump.txt", text_of("pump"))
    job = desk.job(groups=["legal"])
    assert [len(desk.store.job_documents(caller, job.id)) for caller in (HR, LEGAL, CALLER)] == [0, 0, 0]
    await desk.do(job)
    listed = [len(desk.store.job_documents(caller, job.id)) for caller in (HR, LEGAL, CALLER)]
    assert listed == [0, 2, 2]
    pump = document_id("acme", "docs", (desk.folder / "pump.txt").as_uri())
    desk.store.set_groups(CALLER, "docs", pump, ["hr"])
    # Both what the job stated and what holds now must let it be seen.
    assert [len(desk.store.job_documents(caller, job.id)) for caller in (HR, LEGAL)] == [0, 1]
    both = replace(CALLER, groups=("hr", "legal"))
    assert [one.uri.rpartition("/")[2] for one in desk.store.job_documents(both, job.id, limit=1)] == [
        "gate.txt"
    ]


async def test_a_job_writes_and_removes_only_what_its_owner_may_see(desk: Desk) -> None:
    desk.write("gate.txt", TEXT)
    await desk.do(desk.job(groups=["legal"]))
    desk.write("gate.txt", text_of("pump"))
    manifest = {"corpus": "docs", "sources": [{"kind": "files", "paths": [str(desk.folder)]}]}
    refused = await desk.do(desk.store.create_job(HR, "docs", manifest))
    (document,) = desk.store.job_documents(CALLER, refused.id)
    assert (document.state, (document.error or {})["type"]) == ("failed", "permission_error")
    (desk.folder / "gate.txt").unlink()
    desk.write("other.txt", text_of("bridge"))
    await desk.do(desk.store.create_job(HR, "docs", manifest, sync=True))
    assert {record.uri.rpartition("/")[2] for record in desk.store.documents(CALLER, "docs")} == {
        "gate.txt",
        "other.txt",
    }


async def test_an_unchanged_source_that_states_groups_is_followed(desk: Desk) -> None:
    desk.write("gate.txt", TEXT)
    await desk.do(desk.job())
    done = await desk.do(desk.job(groups=["legal"]))
    assert done.counts == {"unchanged": 1}
    assert (await seen(desk.parts, NOBODY), len(await seen(desk.parts, LEGAL))) == (set(), 1)
    await desk.do(desk.job())
    assert await seen(desk.parts, NOBODY) == set()
