"""Texts made to be slow: the work grows with the text, not with its square."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from cutting import PiecesOfFive, document, plan

from ingest.splitting import Cut, Splitter
from tandem.vocabulary import Block, BlockKind, Document, Heading, Page


@pytest.mark.parametrize(
    "text",
    ["A sentence of words. " * 2_000, "word " * 8_000, "line\n" * 8_000, "x" * 40_000, "漢字" * 20_000],
    ids=lambda text: text[:9].strip(),
)
@pytest.mark.parametrize("strategy", ["sentence", "parent"])
def test_the_tokenizer_sees_each_character_a_few_times_only(text: str, strategy: str) -> None:
    tokenizer = PiecesOfFive()
    Splitter(tokenizer).split(document(text, markdown=False), "v1", plan(180, 30, strategy, 720))
    assert tokenizer.characters <= 8 * len(text)


def with_headings(number: int, level: Callable[[int], int], body: str) -> Document:
    text, headings = "", []
    parts = [f"H{n}\n{body}" for n in range(number)]
    place = 0
    for n, part in enumerate(parts):
        headings.append(Heading(level(n), f"H{n}", place))
        place += len(part)
    text = "".join(parts)
    return replace(document(text, markdown=False), headings=tuple(headings))


def rows(number: int) -> Document:
    text = "| a | b |\n|---|---|\n" + "".join(f"| {n} | x |\n" for n in range(number))
    return document(text, markdown=False, blocks=(Block(BlockKind.TABLE, 0, len(text)),))


def pages(number: int) -> Document:
    text = "A page. \n" * number
    return document(text, markdown=False, pages=tuple(Page(n + 1, n * 9, n * 9 + 9) for n in range(number)))


def of(text: str, **more: object) -> Callable[[int], Document]:
    return lambda number: document(text * number, markdown=False, **more)


SLOW: dict[str, Callable[[int], Document]] = {
    "headings": lambda n: with_headings(n, lambda _: 2, "Text.\n"),
    "headings only": lambda n: with_headings(n, lambda _: 2, ""),
    "nested headings": lambda n: with_headings(n, lambda one: one + 1, "Text.\n"),
    "headings in one line": lambda n: replace(
        document("H text. " * n, markdown=False), headings=tuple(Heading(2, "H", 8 * k) for k in range(n))
    ),
    "rows": rows,
    "pages": pages,
    "blank lines": of("\n" * 4, media_type="text/x-c"),
    "blank lines in prose": of("\n \n\t"),
    "blank lines before indented code": lambda n: document(
        "a" + "\n" * 3 * n + " b", markdown=False, media_type="text/x-c"
    ),
    "blanks": of(" " * 4),
    "full stops": of(". "),
    "quotation marks": of('."'),
    "one token": of("xxxx"),
    "bars": of("|"),
    "definitions": of("def a():\n    b\n\n", media_type="text/x-python"),
    "small blocks": lambda n: document(
        "|a|\n" * n, markdown=False, blocks=tuple(Block(BlockKind.TABLE, 4 * k, 4 * k + 3) for k in range(n))
    ),
}


def steps(document: Document, cut: Cut) -> int:
    """Calls, in Python and out of it, that cutting a document takes: work that no other process disturbs."""
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    splitter = Splitter(PiecesOfFive())
    sys.setprofile(count)
    try:
        splitter.split(document, "v1", cut)
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("strategy", ["markdown", "parent"])
@pytest.mark.parametrize("kind", SLOW)
def test_twice_the_text_is_twice_the_work(kind: str, strategy: str) -> None:
    cut = plan(180, 30, strategy, 720, header=True)
    steps(SLOW["full stops"](2_000), cut)  # loads LlamaIndex
    once, twice = steps(SLOW[kind](2_000), cut), steps(SLOW[kind](4_000), cut)
    assert twice < 3 * once


@pytest.mark.parametrize("kind", SLOW)
def test_a_large_text_is_read_in_seconds(kind: str) -> None:
    """Sees what counting calls cannot: a pattern that reads the same characters again and again."""
    text = SLOW[kind](30_000)
    begun = time.process_time()
    Splitter(PiecesOfFive()).split(text, "v1", plan(180, 30, "markdown", header=True))
    assert time.process_time() - begun < 8
