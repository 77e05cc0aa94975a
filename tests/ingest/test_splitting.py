"""Chunks: exact places, bounded sizes, true sections and pages."""

import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.headings import markdown_headings
from ingest.sections import Outline
from ingest.splitting import Cut, split
from tandem.vocabulary import Chunk, Document, Page, chunk_id


def words(text: str) -> int:
    """A tokenizer's count: pieces of up to 5 characters, as sub-words are."""
    return sum(-(-len(word) // 5) for word in text.split())


def document(text: str, *, markdown: bool = True, pages: tuple[Page, ...] = ()) -> Document:
    headings = markdown_headings(text) if markdown else ()
    return Document("t", "c", "u", "title", "text/markdown", text, "0" * 64, pages, headings)


def chunks_of(text: str, tokens: int = 20, overlap: int = 5, **more: object) -> list[Chunk]:
    return split(document(text, **more), "v1", Cut(tokens, overlap), words)


_LINES = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=string.ascii_letters + " .,!?;:\t", max_size=200),
    st.sampled_from(["# A", "## B b", "### C.", "", "```", "    code", "- item", "> quote", "===", "---"]),
    st.text(alphabet="漢字。、ä\u0301\U0001f600 ", max_size=80),
)
TEXTS = st.lists(_LINES, max_size=30).map(lambda lines: "\n".join(lines).replace("\r", "\n"))


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 40), st.integers(0, 39))
def test_every_chunk_stands_where_it_says_and_nothing_is_lost(text: str, tokens: int, overlap: int) -> None:
    chunks = chunks_of(text, tokens, min(overlap, tokens - 1))
    covered = [False] * len(text)
    for ordinal, chunk in enumerate(chunks):
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text == chunk.text.strip() != ""
        assert chunk.ordinal == ordinal
        assert words(chunk.text) <= tokens or len(chunk.text) == 1
        covered[chunk.start : chunk.end] = [True] * len(chunk.text)
    assert all(seen or char.isspace() for seen, char in zip(covered, text, strict=True))
    assert [c.start for c in chunks] == sorted({c.start for c in chunks})


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
    chunks = chunks_of(" ".join(f"S{n:03} goes on." for n in range(40)), tokens=20, overlap=5)
    shared = [before.end - after.start for before, after in pairwise(chunks)]
    assert all(0 < characters <= 25 for characters in shared)


def test_a_chunk_ends_where_a_sentence_ends() -> None:
    text = "The fig. shows a bird. It sings all day long! Does it sleep? " * 5
    assert all(chunk.text[-1] in ".!?" for chunk in chunks_of(text, tokens=20, overlap=0))
    assert not any(chunk.text.endswith("fig.") for chunk in chunks_of(text, tokens=20, overlap=0))


def test_no_chunk_crosses_a_top_section() -> None:
    text = "# Title\n\n" + "\n\n".join(f"## S{n}\n\nText of {n}." for n in range(4))
    chunks = chunks_of(text, tokens=100)
    assert [c.text for c in chunks] == ["# Title\n\n## S0\n\nText of 0."] + [
        f"## S{n}\n\nText of {n}." for n in range(1, 4)
    ]
    assert [c.section for c in chunks] == [f"Title > S{n}" for n in range(4)]


def test_no_chunk_ends_in_a_heading() -> None:
    parts = "\n\n".join(f"### 1.{n} In A. Short\n\nSome words of text here." for n in range(30))
    for chunk in chunks_of("# T\n\n" + parts, tokens=24, overlap=0):
        assert not chunk.text.splitlines()[-1].startswith("#")


def test_the_section_of_a_place_is_the_path_of_headings_above_it() -> None:
    text = "before\n\n# A\n\na\n\n## B\n\nb\n\n# C\n\nc\n\n### D\n\nd"
    outline = Outline(text, markdown_headings(text))
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
    chunks = chunks_of(text, tokens=100, markdown=False, pages=pages)
    assert [(c.page, c.text) for c in chunks] == [(1, "First page."), (2, "Second page."), (3, "Third page.")]


def test_a_sentence_that_runs_over_a_page_is_not_cut() -> None:
    text, pages = paged("It was a long and", "winding road. Then it rained.")
    chunks = chunks_of(text, tokens=100, markdown=False, pages=pages)
    assert [(c.page, c.text) for c in chunks] == [
        (1, "It was a long and\n\nwinding road."),
        (2, "Then it rained."),
    ]


def test_the_tokenizer_sees_each_character_a_few_times_only() -> None:
    counted = 0

    def count(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return words(text)

    for text in ("A sentence of words. " * 2_000, "word " * 8_000, "x" * 40_000, "line\n" * 8_000):
        counted = 0
        split(document(text, markdown=False), "v1", Cut(180, 30), count)
        assert counted <= 8 * len(text)
