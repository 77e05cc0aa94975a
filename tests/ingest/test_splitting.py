"""Chunks: exact places, bounded sizes, true sections and pages."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from cutting import TEXTS, PiecesOfFive, check, chunks_of, document, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.splitting import Cut, Splitter
from ingest.splitting.outline import Outline
from ingest.structure import markdown_structure
from tandem.settings import IngestSettings
from tandem.vocabulary import Marks, Page, chunk_id


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.integers(1, 40), st.integers(0, 39))
def test_every_chunk_stands_where_it_says_and_nothing_is_lost(text: str, tokens: int, overlap: int) -> None:
    check(text, chunks_of(text, plan(tokens, overlap)), tokens)


@pytest.mark.parametrize("text", ["ha ha ha " * 200, "same line\n" * 100, ". " * 300, "x" * 5_000])
def test_text_that_repeats_itself_is_covered_to_its_end(text: str) -> None:
    chunks = chunks_of(text)
    assert chunks[0].start == 0
    assert chunks[-1].end == len(text.rstrip())
    assert all(after.start <= before.end + 1 for before, after in pairwise(chunks))


def test_ids_are_those_of_the_version_and_the_place_in_it() -> None:
    first, again = chunks_of("One. Two. " * 30), chunks_of("One. Two. " * 30)
    assert first == again
    assert [c.id for c in first] == [chunk_id(document("").id, "v1", n) for n in range(len(first))]


def test_neighbours_share_sentences_up_to_the_overlap() -> None:
    chunks = chunks_of(" ".join(f"S{n:03} goes on." for n in range(40)), plan(20, 5))
    shared = [before.end - after.start for before, after in pairwise(chunks)]
    assert all(0 < characters <= 25 for characters in shared)


def test_a_chunk_ends_where_a_sentence_ends() -> None:
    text = "The fig. shows a bird. It sings all day long! Does it sleep? " * 5
    assert all(chunk.text[-1] in ".!?" for chunk in chunks_of(text, plan(20, 0)))
    assert not any(chunk.text.endswith("fig.") for chunk in chunks_of(text, plan(20, 0)))


def test_no_chunk_crosses_a_top_section() -> None:
    text = "# Title\n\n" + "\n\n".join(f"## S{n}\n\nText of {n}." for n in range(4))
    chunks = chunks_of(text, plan(100))
    assert [c.text for c in chunks] == ["# Title\n\n## S0\n\nText of 0."] + [
        f"## S{n}\n\nText of {n}." for n in range(1, 4)
    ]
    assert [c.section for c in chunks] == [f"Title > S{n}" for n in range(4)]


def test_no_chunk_ends_in_a_heading() -> None:
    parts = "\n\n".join(f"### 1.{n} In A. Short\n\nSome words of text here." for n in range(30))
    for chunk in chunks_of("# T\n\n" + parts, plan(24, 0)):
        assert not chunk.text.splitlines()[-1].startswith("#")


def test_the_section_of_a_place_is_the_path_of_headings_above_it() -> None:
    text = "before\n\n# A\n\na\n\n## B\n\nb\n\n# C\n\nc\n\n### D\n\nd"
    outline = Outline(text, markdown_structure(text)[0])
    found = [
        outline.section_at(text.index(f"{mark}\n") if mark else 0)
        for mark in ("before", "\na\n", "\nb\n", "\nc\n")
    ]
    assert found == [None, "A", "A > B", "C"]
    assert outline.section_at(len(text) - 1) == "C > D"


def paged(*texts: str) -> tuple[str, tuple[Page, ...]]:
    text = "\n\n".join(texts)
    starts = [text.index(one) for one in texts]
    return text, tuple(Page(n, s, s + len(t)) for n, (s, t) in enumerate(zip(starts, texts, strict=True), 1))


def test_a_chunk_is_of_one_page() -> None:
    text, pages = paged("First page.", "Second page.", "Third page.")
    chunks = chunks_of(text, plan(100), markdown=False, pages=pages)
    assert [(c.page, c.text) for c in chunks] == [(1, "First page."), (2, "Second page."), (3, "Third page.")]


def test_a_sentence_that_runs_over_a_page_is_not_cut() -> None:
    text, pages = paged("It was a long and", "winding road. Then it rained.")
    chunks = chunks_of(text, plan(100), markdown=False, pages=pages)
    assert [(c.page, c.text) for c in chunks] == [
        (1, "It was a long and\n\nwinding road."),
        (2, "Then it rained."),
    ]


def test_what_was_cut_before_changes_no_cut() -> None:
    text = "\n\n".join(f"Word{n} and other{n * 7} words of line {n}." for n in range(200))
    used = Splitter(PiecesOfFive())
    used.split(document("Other words and lines stood here before, Word7 too."), "v0", plan())
    assert used.split(document(text), "v1", plan()) == Splitter(PiecesOfFive()).split(
        document(text), "v1", plan()
    )


def test_the_tokens_are_those_of_all_chunks() -> None:
    text = "Here a sentence stands. " * 50
    split = Splitter(PiecesOfFive()).split(document(text), "v1", plan(40, 10, header=True))
    assert split.tokens == sum(PiecesOfFive().count_tokens(chunk.indexed_text) for chunk in split.chunks)


def test_chunks_carry_the_marks_of_their_document() -> None:
    marks = Marks(("hr",), {"year": 2024}, datetime(2030, 1, 1, tzinfo=UTC))
    marked = replace(document("One. Two. " * 30), marks=marks)
    assert {id(c.marks) for c in Splitter(PiecesOfFive()).split(marked, "v1", plan()).chunks} == {id(marks)}


def test_a_plan_reads_differently_where_it_cuts_differently() -> None:
    plans = [
        Cut("sentence", 180, 30, 720, False),
        Cut("sentence", 180, 31, 720, False),
        Cut("sentence", 181, 30, 720, False),
        Cut("sentence", 180, 30, 720, True),
        Cut("markdown", 180, 30, 720, False),
        Cut("semantic", 180, 30, 720, False),
        Cut("parent", 180, 30, 720, False),
        Cut("parent", 180, 30, 721, False),
    ]
    assert len({str(cut) for cut in plans}) == len(plans)
    assert str(Cut("sentence", 180, 30, 1_000, False)) == str(plans[0]) == "sentence 180 30"


def test_a_plan_keeps_to_what_the_embedder_reads() -> None:
    settings = IngestSettings(chunk_tokens=500, chunk_overlap_tokens=300, parent_tokens=720)
    assert Cut.of(settings, 254) == Cut("sentence", 254, 253, 720, False)
