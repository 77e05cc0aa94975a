"""Headings of Markdown, with their places."""

from itertools import accumulate, pairwise

from tandem.vocabulary import Heading


def markdown_headings(text: str) -> tuple[Heading, ...]:
    """The headings of a text whose newlines are `\\n`, in order.

    A `#` in a code block, a list or a quotation is none. A heading's title is without its marks.
    """
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    # Paragraphs need no parsing of their insides, which would take most of the time.
    tokens = parser.disable("inline").parse(text)
    parser.enable("inline")
    lines = text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    headings = []
    for token, inside in pairwise(tokens):
        if token.type != "heading_open" or token.level > 0 or token.map is None:
            continue
        title = "".join(
            child.content
            for part in parser.parseInline(inside.content)
            for child in part.children or ()
            if child.type in ("text", "code_inline")
        )
        if title.strip():
            line = lines[token.map[0]]
            start = starts[token.map[0]] + len(line) - len(line.lstrip(" "))
            headings.append(Heading(int(token.tag[1:]), " ".join(title.split()), start))
    return tuple(headings)
