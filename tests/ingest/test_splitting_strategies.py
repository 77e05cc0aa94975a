"""Markdown, meaning, parents and headers."""

from itertools import pairwise

from cutting import TEXTS, PiecesOfFive, check, chunks_of, document, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.splitting import Splitter
from ingest.structure import markdown_structure
from tandem.vocabulary import Block, BlockKind

size = PiecesOfFive().count_tokens


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 40), st.integers(0, 20), st.booleans())
def test_no_chunk_of_markdown_crosses_a_heading_that_has_text_before_it(
    text: str, tokens: int, overlap: int, header: bool
) -> None:
    chunks = chunks_of(text, plan(tokens, overlap, "markdown", header=header))
    check(text, chunks, tokens)
    starts = [heading.start for heading in markdown_structure(text)[0]]
    for chunk in chunks:
        for before, start in pairwise([-1, *starts]):
            if chunk.start < start < chunk.end:
                assert chunk.start <= before
                assert text[before:start].partition("\n")[2].strip() == ""


def test_small_sections_stand_alone() -> None:
    text = "# T\n\nIntro.\n\n## A\n\nText of A.\n\n### A1\n\nMore.\n\n## B\n\n### B1\n\nLast."
    assert [c.text for c in chunks_of(text, plan(100, strategy="markdown"))] == [
        "# T\n\nIntro.",
        "## A\n\nText of A.",
        "### A1\n\nMore.",
        "## B\n\n### B1\n\nLast.",
    ]


def test_a_comment_in_code_is_no_border_of_markdown() -> None:
    text = "# T\n\nIntro.\n\n```\n# a comment\ncode()\n```\n\nEnd."
    block = Block(BlockKind.CODE, text.index("```"), text.rindex("```") + 3)
    assert len(chunks_of(text, plan(100, strategy="markdown"), blocks=(block,))) == 1


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 40), st.integers(0, 20))
def test_pieces_by_meaning_hold_what_all_pieces_hold(text: str, tokens: int, overlap: int) -> None:
    check(text, chunks_of(text, plan(tokens, overlap, "semantic")), tokens)


SUBJECTS = "Apples grow on trees in autumn. " * 8 + "Boats sail over the sea at night. " * 8


def test_a_chunk_ends_where_the_meaning_changes() -> None:
    chunks = chunks_of(SUBJECTS, plan(40, 0, "semantic"))
    assert len(chunks) > 2
    assert not any("Apples" in c.text and "Boats" in c.text for c in chunks)
    assert any("Apples" in c.text and "Boats" in c.text for c in chunks_of(SUBJECTS, plan(40, 0)))


def test_meaning_costs_one_more_embedding_of_the_text() -> None:
    embedder = PiecesOfFive()
    text = "".join(f"{letter}lpha goes on for a while. " for letter in "ABCDEFGH") * 100
    Splitter(embedder).split(document(text), "v1", plan(180, 30, "semantic"))
    assert "".join(embedder.embedded) == text
    assert len(embedder.embedded) <= 5 * size(text) / 180


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 20), st.integers(0, 10), st.integers(1, 80))
def test_parents_hold_their_children_and_each_other_not(
    text: str, tokens: int, overlap: int, parent: int
) -> None:
    chunks = chunks_of(text, plan(tokens, overlap, "parent", parent))
    check(text, chunks, tokens)
    parents = {id(c.parent): c.parent for c in chunks}.values()
    for chunk in chunks:
        assert chunk.parent.start <= chunk.start < chunk.end <= chunk.parent.end
    for one in parents:
        assert text[one.start : one.end] == one.text == one.text.strip()
        assert size(one.text) <= max(parent, tokens) or len(one.text) == 1
    ordered = sorted(parents, key=lambda one: one.start)
    assert all(before.end <= after.start for before, after in pairwise(ordered))


def test_children_share_a_parent_and_their_overlap_stays_inside() -> None:
    text = " ".join(f"S{n:03} goes on." for n in range(80))
    chunks = chunks_of(text, plan(20, 5, "parent", 60))
    parents = list({c.parent.start: c.parent for c in chunks}.values())
    assert len(chunks) > 2 * len(parents) > 4
    assert "".join(one.text for one in parents).replace(" ", "") == text.replace(" ", "")
    assert not any(c.parent for c in chunks_of(text))


def test_a_table_longer_than_a_chunk_is_whole_in_its_parent() -> None:
    table = "| name | color |\n|---|---|\n" + "\n".join(f"| bird {n} | blue |" for n in range(12))
    text = "Words stand before it. " * 4 + "\n\n" + table + "\n\n" + "And after it, too. " * 9
    block = Block(BlockKind.TABLE, text.index(table), text.index(table) + len(table))
    chunks = chunks_of(text, plan(30, 5, "parent", 120), blocks=(block,))
    inside = [c for c in chunks if "|" in c.text]
    assert len(inside) > 2
    assert all(table in c.parent.text for c in inside)


def test_the_header_says_title_and_section() -> None:
    text = "# Birds\n\n## Colors\n\n" + "They are blue and red. " * 20
    chunks = chunks_of(text, plan(30, header=True), title="Handbook")
    assert chunks[1].header == "Handbook > Birds > Colors"
    assert chunks[1].indexed_text == f"{chunks[1].header}\n{chunks[1].text}"
    assert not any(c.header for c in chunks_of(text, plan(30), title="Handbook"))


def test_the_header_does_not_repeat_what_the_text_begins_with() -> None:
    text = "# Birds\n\n## Colors\n\nThey are blue.\n\n## Songs\n\nThey sing."
    chunks = chunks_of(text, plan(60, header=True), title="Birds")
    assert [c.header for c in chunks] == ["", "Birds"]
    assert chunks_of("Birdsong is loud.", plan(60, header=True), title="Bird")[0].header == "Bird"


def test_a_header_is_at_most_a_quarter_of_a_chunk() -> None:
    path = "\n\n".join(f"{'#' * n} Part {n} of the long way down" for n in range(1, 7))
    text = f"{path}\n\n" + "They are blue and red. " * 40
    chunks = chunks_of(text, plan(40, header=True), title="A title that goes on and on " * 90)
    check(text, chunks, 40)
    assert all(0 < size(c.header) <= 10 for c in chunks[1:])
    chunks = chunks_of(text, plan(60, header=True), title="Handbook")
    assert chunks[-1].header == "Handbook > Part 6 of the long way down"
