"""Documents that say the same: linked, not indexed twice, and never out of reach; with the real parts."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_parts import Parts

from ingest import Ingestor, Upload
from ingest.duplicates import are_near
from ingest.pipeline import DocumentReport
from tandem.index import Query
from tandem.vocabulary import Caller, Marks, Passage, Scope, document_id

CALLER = Caller("acme")
SCOPE = Scope.of(CALLER)
LONG = " ".join(
    f"The {word} of the northern harbour is kept by a {other} who counts every {word} before the evening tide."
    for word in ("lantern", "anchor", "compass", "ledger", "mirror")
    for other in ("keeper", "sailor", "widow", "clerk")
)
words = st.lists(
    st.sampled_from(["the", "harbour", "lantern", "7", "12", "opens", "at", "dawn", "and", "noon"]),
    max_size=30,
)


def upload(name: str, text: str = LONG, marks: Marks | None = None) -> Upload:
    return Upload(name, f"{name}.txt", text.encode(), marks=marks or Marks())


async def put(parts: Parts, *uploads: Upload) -> list[DocumentReport]:
    ingestor = parts.ingestor()
    return [await ingestor.ingest(CALLER, "docs", one) for one in uploads]


async def found(parts: Parts, question: str = "northern harbour") -> set[str]:
    """Addresses of the documents in which a reader finds something."""
    return {passage.chunk.uri for passage in await search(parts, question)}


async def search(parts: Parts, question: str) -> list[Passage]:
    query = Query(question, await parts.embedder.embed_query(question), 50)
    passages = await parts.index.search(SCOPE, query)
    current = parts.store.current_versions("acme", [p.chunk.document_id for p in passages])
    return [p for p in passages if current.get(p.chunk.document_id) == p.chunk.version]


def linked(parts: Parts, name: str) -> str | None:
    return parts.store.document(CALLER, "docs", document_id("acme", "docs", name)).duplicate_of


@pytest.mark.parametrize(
    "copy",
    [LONG, LONG.upper(), LONG.replace(". ", ".\n\n"), LONG.replace("every mirror", "each mirror", 1)],
    ids=["exact", "other case", "other white space", "near"],
)
async def test_a_copy_is_linked_and_not_indexed(parts: Parts, copy: str) -> None:
    first, second = await put(parts, upload("a"), upload("b", copy))
    assert (second.status, second.chunks, second.tokens) == ("duplicate", 0, 0)
    assert second.duplicate_of == linked(parts, "b") == first.document_id
    assert await parts.index.count(SCOPE) == first.chunks
    assert await found(parts) == {"a"}
    (again,) = await put(parts, upload("b", copy))
    assert (again.status, again.duplicate_of) == ("unchanged", first.document_id)


@pytest.mark.parametrize(
    "copy",
    [
        f"{LONG} The sum is 41.00 in all.",
        f"{LONG} The sum is 42.01 in all.",
        f"{LONG} The sum is 4200 in all.",
        f"{LONG} The sum is -42.00 in all.",
        f"{LONG} The sum is €42.00 in all.",
    ],
)
async def test_texts_whose_figures_differ_are_two(parts: Parts, copy: str) -> None:
    reports = await put(parts, upload("a", f"{LONG} The sum is 42.00 in all."), upload("b", copy))
    assert [report.status for report in reports] == ["created", "created"]


def test_figures_that_change_places_make_another_text() -> None:
    one = f"{LONG} Anna owes 50 and Bert owes 70. {LONG}"
    assert are_near(one, one.replace("owes", "has", 1), 0.9)
    assert not are_near(one, one.replace("50", "x").replace("70", "50").replace("x", "70"), 0.9)


@pytest.mark.parametrize("marks", [Marks(tags=("secret",)), Marks(metadata={"year": 2024})])
async def test_the_same_text_under_other_marks_is_found_by_other_questions(
    parts: Parts, marks: Marks
) -> None:
    reports = await put(parts, upload("a"), upload("b", marks=marks))
    assert [report.status for report in reports] == ["created", "created"]


async def test_only_exact_copies_are_linked_where_near_ones_are_not_wanted(parts: Parts) -> None:
    ingestor = parts.ingestor(near_duplicates=0.0)
    near = LONG.replace("every mirror", "each mirror", 1)
    states = [
        (await ingestor.ingest(CALLER, "docs", one)).status
        for one in (upload("a"), upload("b", near), upload("c", LONG))
    ]
    assert states == ["created", "created", "duplicate"]


async def test_copies_in_other_corpora_and_of_other_tenants_are_not_linked(parts: Parts) -> None:
    await put(parts, upload("a"))
    ingestor = parts.ingestor()
    for caller, corpus in ((CALLER, "more"), (Caller("other"), "docs")):
        assert (await ingestor.ingest(caller, corpus, upload("b"))).status == "created"


async def watched(parts: Parts, change: Callable[[], object]) -> list[set[str]]:
    """What a reader finds, looked at again and again while something is changed."""
    seen: list[set[str]] = []

    async def look() -> None:
        while True:
            seen.append(await found(parts))
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await change()  # type: ignore[misc]
    looking.cancel()
    await asyncio.wait([looking])
    seen.append(await found(parts))
    return seen


@pytest.mark.parametrize("how", ["changed", "deleted", "copy of another", "expires soon"])
async def test_the_text_is_never_out_of_reach_when_its_original_goes(parts: Parts, how: str) -> None:
    ingestor: Ingestor = parts.ingestor()
    await put(parts, upload("z", LONG.replace("harbour", "station")), upload("a"), upload("b"), upload("c"))
    assert linked(parts, "b") == linked(parts, "c") == document_id("acme", "docs", "a")

    async def change() -> None:
        match how:
            case "changed":
                await ingestor.ingest(CALLER, "docs", upload("a", "Something else altogether, of no place."))
            case "deleted":
                await ingestor.remove.document(CALLER, "docs", document_id("acme", "docs", "a"))
            case "copy of another":
                await ingestor.ingest(CALLER, "docs", upload("a", LONG.replace("harbour", "station")))
            case "expires soon":
                marks = Marks(expires_at=datetime.now(UTC) + timedelta(hours=1))
                await ingestor.ingest(CALLER, "docs", upload("a", marks=marks))

    seen = await watched(parts, change)
    assert len(seen) > 2
    assert all({"a", "b"} & names for names in seen)
    assert "b" in seen[-1]
    assert (linked(parts, "b"), linked(parts, "c")) == (None, document_id("acme", "docs", "b"))
    assert parts.store.orphaned_duplicates() == parts.store.leftovers() == []


async def test_a_copy_stays_linked_to_a_new_version_that_says_the_same(parts: Parts) -> None:
    near = LONG.replace("every mirror", "each mirror", 1)
    await put(parts, upload("a"), upload("b"), upload("a", near))
    assert linked(parts, "b") == document_id("acme", "docs", "a")
    assert parts.store.orphaned_duplicates() == []
    assert await found(parts) == {"a"}


async def test_a_copy_that_outlives_its_original_is_no_copy(parts: Parts) -> None:
    soon = Marks(expires_at=datetime.now(UTC) + timedelta(hours=1))
    reports = await put(parts, upload("a", marks=soon), upload("b"), upload("c", marks=soon))
    assert [report.status for report in reports] == ["created", "created", "duplicate"]


async def test_a_copy_that_from_now_on_outlives_its_original_is_indexed(parts: Parts) -> None:
    soon = Marks(expires_at=datetime.now(UTC) + timedelta(hours=1))
    reports = await put(parts, upload("a", marks=soon), upload("b", marks=soon), upload("b"))
    assert [report.status for report in reports] == ["created", "duplicate", "unchanged"]
    assert linked(parts, "b") is None
    assert await found(parts) == {"a", "b"}
    (again,) = await put(parts, upload("b"))
    assert (again.status, again.tokens) == ("unchanged", 0)


async def test_a_copy_that_comes_while_its_original_is_deleted_is_found(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingestor, loop = parts.ingestor(), asyncio.get_running_loop()
    await ingestor.ingest(CALLER, "docs", upload("a"))
    real = parts.store.delete_document

    def copied_meanwhile(*arguments: str) -> object:
        asyncio.run_coroutine_threadsafe(ingestor.ingest(CALLER, "docs", upload("b")), loop).result(20)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.store, "delete_document", copied_meanwhile)
    await ingestor.remove.document(CALLER, "docs", document_id("acme", "docs", "a"))
    assert await found(parts) == {"b"}


async def test_copies_that_come_at_once_are_indexed_once(parts: Parts) -> None:
    ingestor = parts.ingestor()
    reports = await asyncio.gather(*(ingestor.ingest(CALLER, "docs", upload(f"copy {n}")) for n in range(6)))
    assert sorted(report.status for report in reports) == ["created"] + ["duplicate"] * 5
    assert len(await found(parts)) == 1
    await ingestor.index_orphans()
    assert len(await found(parts)) == 1


async def test_short_texts_are_linked_only_where_they_are_the_same(parts: Parts) -> None:
    reports = await put(parts, upload("a", "Yes."), upload("b", "yes."), upload("c", "No."))
    assert [report.status for report in reports] == ["created", "duplicate", "created"]


@given(words, words, st.sampled_from([0.5, 0.9, 1.0]))
def test_nearness_is_symmetric(one: list[str], other: list[str], least: float) -> None:
    assert are_near(" ".join(one), " ".join(other), least) == are_near(" ".join(other), " ".join(one), least)


@given(words.filter(lambda some: len(some) >= 3), st.sampled_from([0.5, 0.9, 1.0]))
def test_a_text_is_near_itself(some: list[str], least: float) -> None:
    assert are_near(" ".join(some), "\n".join(some), least)


async def test_a_file_of_another_format_with_the_same_words_is_a_copy(parts: Parts) -> None:
    first, second = await put(parts, upload("a"), replace(upload("b"), name="b.md"))
    assert (first.status, second.status) == ("created", "duplicate")
