"""From a source to text, pages and headings."""

import re
from dataclasses import dataclass, field

from ingest.accept import Source
from ingest.child import ParserChildren
from ingest.decoding import normal_newlines
from ingest.headings import markdown_headings
from ingest.sniffing import MediaType
from tandem.errors import TooLargeError, UnreadableDocumentError
from tandem.vocabulary import Heading, Page

_PAGE_BREAK = "\n\n"
# PDFium gives a hyphen at a line's end as U+0002 or U+FFFE; a soft hyphen means the same.
_BROKEN_WORD = re.compile(r"[\x02\ufffe\u00ad][ \t]*\n?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MOST_TITLE_CHARS = 300
_MOST_NAMED_PAGES = 5


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a source says, and how it is built."""

    title: str
    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    warnings: list[str] = field(default_factory=list)


def parse(source: Source, children: ParserChildren, max_chars: int) -> Parsed:
    """Read a source; blocking. PDF and HTML go through a child process.

    Raises `UnreadableDocumentError` if there is no text to be had and `TooLargeError` for more than
    `max_chars` characters of it.
    """
    if source.text is None:
        return _pdf(source, children)
    if source.media_type is MediaType.HTML:
        return _html(source, source.text, children)
    if len(source.text) > max_chars:
        raise TooLargeError(
            f"{source.name} holds more than {max_chars} characters of text",
            param="file",
            hint="Split the file, or raise ingest.max_text_chars.",
        )
    if source.media_type is MediaType.MARKDOWN:
        return _markdown(source, source.text)
    return Parsed(_title(None, source), source.text)


def _pdf(source: Source, children: ParserChildren) -> Parsed:
    extract = children.extract(source.media_type, source.content, source.name)
    parts: list[str] = []
    pages: list[Page] = []
    end = 0
    for number, raw in enumerate(extract.pages, 1):
        page = _clean(raw)
        start = end + len(_PAGE_BREAK) if page and end else end
        if page:
            parts.append(page)
            end = start + len(page)
        pages.append(Page(number, start, end))
    if not parts:
        raise UnreadableDocumentError(
            f"{source.name} holds no text: its pages are probably pictures",
            param="file",
            hint="Run text recognition over it first, such as with: ocrmypdf OLD NEW",
        )
    title = _title(extract.title, source)
    return Parsed(title, _PAGE_BREAK.join(parts), tuple(pages), warnings=_blank_pages(pages))


def _blank_pages(pages: list[Page]) -> list[str]:
    blank = [str(page.number) for page in pages if page.start == page.end]
    if not blank:
        return []
    named = ", ".join(blank[:_MOST_NAMED_PAGES]) + (" ..." if len(blank) > _MOST_NAMED_PAGES else "")
    return [f"{len(blank)} of {len(pages)} pages hold no text and cannot be found: {named}"]


def _html(source: Source, text: str, children: ParserChildren) -> Parsed:
    extract = children.extract(source.media_type, text.encode(), source.name)
    markdown = _clean("".join(extract.pages))
    if not markdown:
        raise UnreadableDocumentError(
            f"{source.name} holds no text outside of its tags",
            param="file",
            hint="Is the page filled by a script? Then save it from a browser.",
        )
    headings = markdown_headings(markdown)
    return Parsed(_title(extract.title or _first(headings), source), markdown, headings=headings)


def _markdown(source: Source, text: str) -> Parsed:
    headings = markdown_headings(text)
    return Parsed(_title(_first(headings), source), text, headings=headings)


def _first(headings: tuple[Heading, ...]) -> str | None:
    """The first of the outermost headings."""
    return min(headings, key=lambda heading: heading.level).title if headings else None


def _title(found: str | None, source: Source) -> str:
    """In one line, and never empty."""
    words = " ".join(_CONTROL.sub(" ", found or "").split())
    return (words or source.name or source.uri)[:_MOST_TITLE_CHARS]


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", _BROKEN_WORD.sub("", normal_newlines(text))).strip()
