"""Searches narrowed by what documents are marked with, the same in both engines."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from index_chunks import SETTINGS, VECTORS, chunk

from tandem.errors import InvalidRequestError
from tandem.index import Index, Leg, Query, check_metadata, check_metadata_key, open_index
from tandem.index.foreign import ForeignHits
from tandem.index.points import within
from tandem.vocabulary import Marks, Passage, Range, Scalar, Scope, Where

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
MARKED = {
    "plain": Marks(),
    "report": Marks(("hr", "2024"), {"year": 2024, "author": "Ada", "draft": False, "price": 9.5}),
    "memo": Marks(("hr",), {"year": 2023, "author": "Bob", "draft": True, "price": 12}),
    "note": Marks(("2024",), {"year": "2024", "author": "Ada", "price": 12.0}),
}
SUPERSEDED = {"past": Marks(expires_at=NOW - HOUR), "future": Marks(expires_at=NOW + HOUR)}


async def write(index: Index, marked: dict[str, Marks]) -> None:
    chunks = [
        replace(chunk(f"word {name}", n), marks=marks) for n, (name, marks) in enumerate(marked.items())
    ]
    await index.upsert(chunks, VECTORS[[n % 4 for n in range(len(chunks))]])


async def names(index: Index, where: Where, leg: Leg = Leg.HYBRID) -> set[str]:
    found = await index.search(Scope("acme", None, where), Query("word", VECTORS[0], 50, leg))
    return {passage.chunk.text.removeprefix("word ") for passage in found}


@pytest.mark.parametrize("leg", Leg)
async def test_every_tag_must_be_there(empty: Index, leg: Leg) -> None:
    await write(empty, MARKED)
    assert await names(empty, Where(), leg) == set(MARKED)
    assert await names(empty, Where(("hr",)), leg) == {"report", "memo"}
    assert await names(empty, Where(("hr", "2024")), leg) == {"report"}
    assert await names(empty, Where(("h",)), leg) == set()


@pytest.mark.parametrize(
    ("key", "wanted", "found"),
    [
        ("author", ("Ada",), {"report", "note"}),
        ("author", ("Ada", "Bob"), {"report", "memo", "note"}),
        ("author", (), set()),
        ("year", (2024,), {"report"}),
        ("year", ("2024",), {"note"}),
        ("year", (2023, "2024"), {"memo", "note"}),
        ("price", (12,), {"memo", "note"}),
        ("price", (9.5,), {"report"}),
        ("draft", (True,), {"memo"}),
        ("draft", (False,), {"report"}),
        ("draft", (0, 1), set()),
        ("year", (True,), set()),
        ("year", Range(2024), {"report"}),
        ("price", Range(9.5, 11), {"report"}),
        ("price", Range(None, 12), {"report", "memo", "note"}),
        ("price", Range(), {"report", "memo", "note"}),
        ("author", Range(), set()),
        ("nosuch", ("x",), set()),
    ],
)
async def test_metadata_is_met_by_one_of_the_values_or_by_the_range(
    empty: Index, key: str, wanted: tuple[Scalar, ...] | Range, found: set[str]
) -> None:
    await write(empty, MARKED)
    assert await names(empty, Where(metadata=((key, wanted),))) == found


async def test_every_part_narrows(empty: Index) -> None:
    await write(empty, MARKED)
    ada: tuple[str, tuple[Scalar, ...] | Range] = ("author", ("Ada",))
    assert await names(empty, Where(metadata=(ada, ("price", Range(10))))) == {"note"}
    assert await names(empty, Where(("hr",), (ada,))) == {"report"}
    scope = Scope("other", None, Where(("hr",)))
    assert await empty.search(scope, Query("word", VECTORS[0], 50)) == []


@pytest.mark.parametrize("leg", Leg)
async def test_what_is_over_is_never_found_and_what_has_no_end_always(empty: Index, leg: Leg) -> None:
    await write(empty, MARKED | SUPERSEDED)
    assert await names(empty, Where(), leg) == {*MARKED, "future"}
    assert await empty.count(Scope("acme")) == 6


async def test_a_document_ends_at_the_moment_that_it_names(
    empty: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(empty, {"short": Marks(expires_at=NOW + HOUR)})
    for later, found in ((HOUR - timedelta(milliseconds=1), {"short"}), (HOUR, set())):
        moment = (NOW + later).timestamp()
        monkeypatch.setattr("time.time", lambda: moment)  # noqa: B023
        assert await names(empty, Where()) == found


async def test_what_is_over_stays_unseen_when_the_index_is_opened_again_and_compacted(tmp_path: Path) -> None:
    index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    await write(index, MARKED | SUPERSEDED)
    for _ in range(2):
        await index.close()
        index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
        with structlog.testing.capture_logs() as logged:
            assert await names(index, Where()) == {*MARKED, "future"}
            assert logged == []  # it is the engine that left it out
        await index.compact(at_once=True)
    await index.close()


async def test_an_end_can_be_moved_and_taken_away(empty: Index) -> None:
    await write(empty, {"one": Marks(expires_at=NOW + HOUR)})
    known = chunk("", 0)
    for moment, found in ((NOW - HOUR, set()), (NOW + HOUR, {"one"}), (NOW - HOUR, set()), (None, {"one"})):
        await empty.set_expiry("acme", known.document_id, "v1", moment)
        with structlog.testing.capture_logs() as logged:
            assert await names(empty, Where()) == found
        assert logged == []


async def test_marks_come_back_whole(empty: Index) -> None:
    summer = timezone(timedelta(hours=2))
    marks = Marks(("ä", "b c"), {"n": 1, "f": 1.0, "t": True, "s": "1"}, NOW.astimezone(summer) + HOUR)
    await write(empty, {"all": marks})
    found = await empty.search(Scope("acme"), Query("word", VECTORS[0], 1))
    back = found[0].chunk.marks
    assert back == marks
    assert {key: type(value) for key, value in back.metadata.items()} == {
        "n": int, "f": float, "t": bool, "s": str
    }  # fmt: skip


HOSTILE = ["", "a.b", "a[0]", "a[]", 'a"b', "a b", "a\x00", "a\n", "ä", "a" * 65, "*", "a/b", "tenant.x", "$"]


@pytest.mark.parametrize("key", HOSTILE)
async def test_a_key_is_never_a_path(empty: Index, key: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_metadata_key(key)
    with pytest.raises(InvalidRequestError):
        await names(empty, Where(metadata=((key, ("x",)),)))


@given(st.text(max_size=70))
def test_whatever_passes_as_a_key_holds_only_harmless_signs(key: str) -> None:
    try:
        check_metadata_key(key)
    except InvalidRequestError:
        return
    assert 0 < len(key) <= 64
    assert key.isascii()
    assert key.replace("-", "").replace("_", "").isalnum() or not key.strip("-_")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, -(2**70)])
def test_a_number_that_engines_cannot_compare_is_refused(value: Scalar) -> None:
    with pytest.raises(InvalidRequestError):
        check_metadata({"n": value})
    check_metadata({"n": 2**53, "f": -1.5, "t": True, "s": "nan"})


async def test_values_are_taken_as_they_are(empty: Index) -> None:
    odd = ["*", "", "a' OR 'a'='a", '{"must": []}', "metadata.author", "\x00", "ẞ"]
    await write(empty, {f"n{n}": Marks((text,), {"k": text}) for n, text in enumerate(odd)})
    for n, text in enumerate(odd):
        assert await names(empty, Where((text,))) == {f"n{n}"}
        assert await names(empty, Where(metadata=(("k", (text,)),))) == {f"n{n}"}


@pytest.mark.parametrize(
    "where", [Where(("hr",)), Where(metadata=(("year", (2024,)),)), Where(metadata=(("year", Range(1)),))]
)
def test_a_second_look_drops_what_an_engine_should_not_have_returned(where: Where) -> None:
    passages = [
        Passage(replace(chunk("x", n), marks=marks), 1.0, 1.0)
        for n, marks in enumerate((Marks(), Marks(("hr",), {"year": 2024})))
    ]
    with structlog.testing.capture_logs() as logged:
        kept = within(Scope("acme", None, where), passages, NOW.timestamp(), ForeignHits())
    assert [passage.chunk.ordinal for passage in kept] == [1]
    assert [entry["dropped"] for entry in logged] == [1]


def test_a_second_look_drops_what_is_over() -> None:
    over = Passage(replace(chunk("x", 0), marks=SUPERSEDED["past"]), 1.0, 1.0)
    assert within(Scope("acme"), [over], NOW.timestamp(), ForeignHits()) == []


async def test_keys_of_the_settings_are_indexed_also_where_the_index_is_older(tmp_path: Path) -> None:
    index = await open_index(SETTINGS, tmp_path, dimension=4, fingerprint="f")
    await write(index, MARKED)
    await index.close()
    settings = SETTINGS.model_copy(update={"metadata_keys": ("author", "year")})
    for _ in range(2):
        index = await open_index(settings, tmp_path, dimension=4, fingerprint="f")
        assert await names(index, Where(metadata=(("author", ("Ada",)), ("year", Range(2000))))) == {"report"}
        assert await names(index, Where(metadata=(("year", ("2024",)),))) == {"note"}
        await index.close()
