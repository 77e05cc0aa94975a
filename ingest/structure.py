"""Headings, tables and code blocks of Markdown, with their places."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from tandem.vocabulary import Block, BlockKind, Heading

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_DELIMITER = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_MARK = re.compile(r"[\\`*_\[\]<>&!~]")
_LONGEST_HEADING = 1_000
"""Characters; the marks within a longer one are not looked at, as that could take for ever."""


def markdown_structure(text: str) -> tuple[tuple[Heading, ...], tuple[Block, ...]]:
    """The headings and the blocks of a text whose newlines are `\\n`, each in order.

    A `#` in a code block, a list or a quotation is no heading, and a heading's title is without its marks.
    A block's place is that of its whole lines, fences and the head of a table included. Tables are those of
    GitHub's Markdown; each of their rows has a `|`.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    # Paragraphs need no parsing of their insides, which would take most of the time.
    tokens = parser.disable("inline").parse(text)
    parser.enable("inline")
    lines = text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    headings: list[Heading] = []
    blocks: list[Block] = []
    for token, inside in pairwise([*tokens, *tokens[-1:]]):
        if token.map is None:
            continue
        if token.type == "heading_open" and token.level == 0:
            title = _title(parser, inside)
            line = lines[token.map[0]]
            if title:
                start = starts[token.map[0]] + len(line) - len(line.lstrip(" "))
                headings.append(Heading(int(token.tag[1:]), title, start))
        elif token.type in ("fence", "code_block"):
            first, last = token.map
            blocks.append(_block(BlockKind.CODE, lines, starts, first, last))
        elif token.type == "paragraph_open":
            for first, last in _tables(lines, *token.map):
                blocks.append(_block(BlockKind.TABLE, lines, starts, first, last))
    return tuple(headings), tuple(blocks)


def _title(parser: "MarkdownIt", inside: "Token") -> str:
    if len(inside.content) > _LONGEST_HEADING or not _MARK.search(inside.content):
        return " ".join(inside.content.split())
    title = "".join(
        child.content
        for part in parser.parseInline(inside.content)
        for child in part.children or ()
        if child.type in ("text", "code_inline", "softbreak")
    )
    return " ".join(title.split())


def _tables(lines: Sequence[str], first: int, last: int) -> Iterator[tuple[int, int]]:
    """The tables among some lines: first line, and the line behind the last."""
    number = first
    while number + 1 < last:
        if "|" in lines[number] and "|" in lines[number + 1] and _DELIMITER.fullmatch(lines[number + 1]):
            end = number + 2
            while end < last and "|" in lines[end]:
                end += 1
            yield number, end
            number = end
        else:
            number += 1


def _block(kind: BlockKind, lines: Sequence[str], starts: Sequence[int], first: int, last: int) -> Block:
    while last > first + 1 and not lines[last - 1].strip():
        last -= 1
    return Block(kind, starts[first], starts[last - 1] + len(lines[last - 1]))
