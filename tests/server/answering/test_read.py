"""Ranked chunks become readable passages."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from passages import passage

from server.answering.read import as_parents, readable
from tandem.retrieval_profile import Reading
from tandem.vocabulary import Parent

TEXT = " ".join(f"Sentence number {n} tells of the pump and its filter." for n in range(60))


def piece(start: int, end: int, ordinal: int = 0, document: str | None = None):
    made = passage(TEXT[start:end], ordinal=ordinal, start=start)
    return made if document is None else replace(made, chunk=replace(made.chunk, document_id=document))


@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(1, 400), st.sampled_from("ab")), max_size=12))
def test_what_is_read_is_the_documents_own_text_and_nothing_is_read_twice(pieces) -> None:
    found = [piece(start, min(start + size, len(TEXT)), n, of) for n, (start, size, of) in enumerate(pieces)]
    read = readable(found, 50, Reading(merge=True, near_identical=1.0))
    for one in read:
        assert one.chunk.text == TEXT[one.chunk.start : one.chunk.end]
        for other in read:
            apart = other.chunk.start > one.chunk.end or other.chunk.end < one.chunk.start
            assert other is one or apart or other.chunk.document_id != one.chunk.document_id


def test_neighbours_become_one_passage_where_the_better_one_stood() -> None:
    first, far, second = piece(100, 200), piece(900, 1_000, 9), replace(piece(180, 300, 1), score=0.5)
    read = readable([second, far, first], 4, Reading(merge=True))
    assert [(p.chunk.start, p.chunk.end, p.score) for p in read] == [(100, 300, 0.5), (900, 1_000, 1.0)]


def test_without_the_setting_chunks_stay_as_they_are() -> None:
    found = [piece(100, 200), piece(180, 300, 1)]
    assert readable(found, 4, Reading(merge=False)) == found


def test_versions_of_a_document_are_never_mixed() -> None:
    one, other = piece(0, 100), piece(50, 150, 1)
    other = replace(other, chunk=replace(other.chunk, version="v2"))
    assert len(readable([one, other], 4, Reading(merge=True))) == 2


def test_a_copy_in_another_document_is_dropped_and_a_changed_number_is_not() -> None:
    # Long, so that one word of it hardly counts.
    text = " ".join(a + b for a in "abcdefgh" for b in "ijklmnop") + " The pump runs at 30 bar."
    original, copied, changed = (passage(t) for t in (text, text.upper(), text.replace("30", "40")))
    copied, changed = (
        replace(p, chunk=replace(p.chunk, document_id=n)) for p, n in ((copied, "c"), (changed, "d"))
    )
    assert readable([original, copied, changed], 4, Reading()) == [original, changed]


def test_no_source_brings_more_than_its_share() -> None:
    found = [piece(200 * n, 200 * n + 100, n, document) for n, document in enumerate("aaab")]
    read = readable(found, 3, Reading(per_source=2))
    assert [p.chunk.document_id for p in read] == ["a", "a", "b"]


def test_mmr_prefers_what_is_new() -> None:
    texts = ("red green blue one", "red green blue two", "iron copper tin zinc")
    found = [replace(p := passage(t), chunk=replace(p.chunk, document_id=t)) for t in texts]
    assert readable(found, 2, Reading(mmr=1.0)) == found[:2]
    assert readable(found, 2, Reading(mmr=0.3)) == [found[0], found[2]]


def test_a_parent_is_read_once() -> None:
    parent = Parent(0, 500, TEXT[:500])
    found = [replace(p, chunk=replace(p.chunk, parent=parent)) for p in (piece(0, 90), piece(90, 180, 1))]
    assert [p.chunk.text for p in as_parents(found)] == [TEXT[:500]]
