"""Documents to cut, a tokenizer whose counts can be done in the head, and what every chunk must hold to."""

import re
import string
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from ingest.splitting import Cut, Splitter
from ingest.structure import markdown_structure
from tandem.vocabulary import Block, Chunk, Document, Page

_PIECES = re.compile(r"\S{1,5}")

_LINES = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=string.ascii_letters + " .,!?;:\t", max_size=200),
    st.sampled_from(["# A", "## B b", "### C.", "", "```", "    code", "- item", "> quote", "===", "---"]),
    st.text(alphabet="漢字。、ä\u0301\U0001f600 ", max_size=80),
)
TEXTS = st.lists(_LINES, max_size=30).map(lambda lines: "\n".join(lines).replace("\r", "\n"))


class PiecesOfFive:
    """A tokenizer that cuts words into pieces of up to 5 characters, and counts what it is shown."""

    def __init__(self) -> None:
        self.characters = 0
        self.embedded: list[str] = []

    def count_tokens(self, text: str) -> int:
        return len(self.token_starts(text))

    def token_starts(self, text: str) -> list[int]:
        self.characters += len(text)
        return [found.start() for found in _PIECES.finditer(text)]

    def embed_documents(self, texts: Sequence[str]) -> np.ndarray:
        """A vector for the first letter: what begins alike means the same."""
        self.embedded += texts
        vectors = np.zeros((len(texts), 26), dtype=np.float32)
        for place, text in enumerate(texts):
            vectors[place, ord(text.strip()[:1].lower() or "a") % 26] = 1
        return vectors


def document(
    text: str,
    *,
    markdown: bool = True,
    pages: tuple[Page, ...] = (),
    blocks: tuple[Block, ...] = (),
    title: str = "title",
    media_type: str = "text/markdown",
) -> Document:
    headings = markdown_structure(text)[0] if markdown else ()
    return Document("t", "c", "u", title, media_type, text, "0" * 64, pages, headings, blocks)


def plan(
    tokens: int = 20, overlap: int = 5, strategy: str = "sentence", parent: int = 60, header: bool = False
) -> Cut:
    return Cut(strategy, tokens, min(overlap, tokens - 1), parent, header)


def chunks_of(text: str, cut: Cut | None = None, **more: object) -> list[Chunk]:
    return Splitter(PiecesOfFive()).split(document(text, **more), "v1", cut or plan()).chunks


def check(text: str, chunks: Sequence[Chunk], limit: int, count: object = None) -> None:
    """What holds for every chunk of every strategy."""
    count = count or PiecesOfFive().count_tokens
    covered = [False] * len(text)
    for ordinal, chunk in enumerate(chunks):
        assert text[chunk.start : chunk.end] == chunk.text
        assert chunk.text == chunk.text.strip() != ""
        assert chunk.ordinal == ordinal
        assert count(chunk.indexed_text) <= limit or len(chunk.text) == 1
        covered[chunk.start : chunk.end] = [True] * len(chunk.text)
    assert all(seen or char.isspace() for seen, char in zip(covered, text, strict=True))
    assert all(before.start < after.start and before.end < after.end for before, after in pairwise(chunks))
