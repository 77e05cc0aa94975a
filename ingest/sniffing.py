"""Judges what a file is by its content."""

import re
from enum import StrEnum


class MediaType(StrEnum):
    """What Tandem reads."""

    PDF = "application/pdf"
    HTML = "text/html"
    MARKDOWN = "text/markdown"
    PLAIN = "text/plain"


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document of the old kind"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript file"),
)
_PDF_MAGIC = b"%PDF-"
_PDF_MAGIC_WITHIN = 1024
"""Readers of PDF allow this many bytes before the magic."""

_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(r"<[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.IGNORECASE)
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd"})


def is_pdf(content: bytes) -> bool:
    """Whether the bytes claim to be a PDF."""
    return _PDF_MAGIC in content[:_PDF_MAGIC_WITHIN]


def known_binary(content: bytes) -> str | None:
    """What the bytes are by their signature, in words, if that is something that Tandem does not read."""
    return next((words for magic, words in _SIGNATURES if content.startswith(magic)), None)


def text_type(text: str, suffix: str) -> MediaType:
    """The type of a decoded text. A suffix helps only where the content leaves it open."""
    if _HTML_START.match(text):
        return MediaType.HTML
    if suffix in _HTML_SUFFIXES and _TAG.search(text):
        return MediaType.HTML
    return MediaType.MARKDOWN if suffix in _MARKDOWN_SUFFIXES else MediaType.PLAIN
