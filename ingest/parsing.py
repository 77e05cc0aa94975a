"""From a source to text, pages, headings and blocks."""

import re
from dataclasses import dataclass, field

from ingest.accept import Source
from ingest.child import ParserChildren
from ingest.extract import Extract
from ingest.faults import refusal
from ingest.sniffing import MediaType
from ingest.structure import markdown_structure
from tandem.errors import UnreadableDocumentError
from tandem.vocabulary import Block, BlockKind, Heading, Page

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MOST_TITLE_CHARS = 300
_MOST_NAMED_PAGES = 5
_WORKBOOKS = frozenset({MediaType.XLSX, MediaType.XLS, MediaType.ODS})
_QUICK_CHARS = 64_000
"""Markdown up to this length is looked through in the process. The worst that was found takes 25 s for a
million characters, which is for a child with its limit on time."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file within a file. Its name is what the outer file calls it: never a path."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a source says, and how it is built."""

    title: str
    text: str
    pages: tuple[Page, ...] = ()
    headings: tuple[Heading, ...] = ()
    blocks: tuple[Block, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    """Documents of their own, such as the files that came with an e-mail."""
    warnings: list[str] = field(default_factory=list)


def parse(source: Source, children: ParserChildren) -> Parsed:
    """Read a source; blocking. All but plain text goes through a child process.

    Raises `UnreadableDocumentError` if there is no text to be had, `TooLargeError` for too much of it, and
    `UnavailableError` if no child can be started.
    """
    text = source.text
    if text is None:
        return _foreign(source, source.content, children)
    if len(text) > children.max_chars:
        raise refusal("long", source.name, children.max_chars)
    if source.media_type is MediaType.PLAIN:
        return Parsed(_title(source, None), text)
    if source.media_type is MediaType.CODE:
        return Parsed(_title(source, None), text, blocks=(Block(BlockKind.CODE, 0, len(text)),))
    if source.media_type is MediaType.MARKDOWN and len(text) <= _QUICK_CHARS:
        headings, blocks = markdown_structure(text)
        return Parsed(_title(source, _first(headings)), text, headings=headings, blocks=blocks)
    return _foreign(source, text.encode(), children)


def _foreign(source: Source, content: bytes, children: ParserChildren) -> Parsed:
    extract = children.extract(source.media_type, content, source.name)
    attachments = tuple(Attachment(_plain_name(name), inner) for name, inner in extract.attachments)
    if not extract.text and not attachments:
        raise _without_text(source)
    # The first sheet of a workbook is not what the workbook is about.
    headline = None if source.media_type in _WORKBOOKS else _first(extract.headings)
    return Parsed(
        _title(source, extract.title or headline),
        extract.text,
        extract.pages,
        extract.headings,
        extract.blocks,
        attachments,
        [*extract.warnings, *_blank_pages(extract)],
    )


def _without_text(source: Source) -> UnreadableDocumentError:
    what, hint = "holds no text", "Is it the right file? Open it in its own program."
    if source.media_type is MediaType.PDF:
        what += ": its pages are probably pictures"
        hint = "Set ingest.ocr to true, or run text recognition over it first: ocrmypdf OLD NEW"
    elif source.media_type is MediaType.HTML:
        what += " outside of its tags"
        hint = "Is the page filled by a script? Then save it from a browser."
    elif source.media_type.is_image:
        what = "is a picture in which no text was recognised"
        hint = "Is its language among ingest.ocr_languages? Text should be 20 pixels high or more."
    return UnreadableDocumentError(f"{source.name} {what}", param="file", hint=hint)


def _blank_pages(extract: Extract) -> list[str]:
    blank = [str(page.number) for page in extract.pages if page.start == page.end]
    if not blank:
        return []
    named = ", ".join(blank[:_MOST_NAMED_PAGES]) + (" ..." if len(blank) > _MOST_NAMED_PAGES else "")
    return [f"{len(blank)} of {len(extract.pages)} pages hold no text and cannot be found: {named}"]


def _first(headings: tuple[Heading, ...]) -> str | None:
    """The first of the outermost headings."""
    return min(headings, key=lambda heading: heading.level).title if headings else None


def _title(source: Source, found: str | None) -> str:
    """In one line, and never empty. What the owner says stands above what the file says of itself."""
    for candidate in (source.title, found, source.name, source.uri):
        words = " ".join(_CONTROL.sub(" ", candidate or "").split())
        if words:
            return words[:_MOST_TITLE_CHARS]
    return source.uri


def _plain_name(name: str) -> str:
    """The last part of a name, in one line."""
    last = re.split(r"[/\\]", _CONTROL.sub(" ", name))[-1]
    return " ".join(last.split())[:_MOST_TITLE_CHARS] or "attachment"
