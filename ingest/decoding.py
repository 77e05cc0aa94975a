"""Bytes to text. Nothing is guessed: a byte that cannot be read is told, not replaced."""

import codecs
import re

from tandem.errors import UnreadableDocumentError, UnsupportedDocumentError

# The longer marks first: UTF-32's begins like UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HTML_CHARSET = re.compile(
    rb"<meta\b[^>]{0,200}?\bcharset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE
)
_NOT_BY_A_PAGE = ("utf-16", "utf-32", "utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape")
"""What a page cannot be in: it named it in ASCII, or no browser would read it so."""

_CHARSET_WITHIN = 1024
"""An HTML page must name its encoding in its first 1,024 bytes."""

_XML_CHARSET = re.compile(
    rb"<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})[\"']", re.IGNORECASE
)

READS = (
    "Tandem reads PDF, office files, EPUB, e-mail, HTML, Markdown, CSV, JSON, source code and plain text; "
    "images if ingest.ocr is on."
)
"""For the hint of a refusal."""

_CONTROL = re.compile(r"[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MOST_CONTROL = 0.01
"""Share of control characters above which something is not text."""


def decode(content: bytes, name: str) -> str:
    """The text of `content`, with newlines as `\\n`.

    Raises `UnreadableDocumentError` with the place of the first broken byte, and
    `UnsupportedDocumentError` for what is not text at all.
    """
    encoding = _encoding_of(content)
    if b"\x00" in content and not encoding.startswith(("utf-16", "utf-32")):
        raise _binary(name)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableDocumentError(
            f"{name} is not valid {encoding.removesuffix('-sig').upper()}: "
            # Python counts from behind the byte order mark.
            f"byte {error.start + len(content) - len(error.object)} "
            f"(0x{error.object[error.start]:02x}) cannot be read",
            param="file",
            hint="Convert it first, such as with: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW",
        ) from error
    if "\x00" in text or len(_CONTROL.findall(text)) > _MOST_CONTROL * len(text):
        raise _binary(name)
    return normal_newlines(text)


def normal_newlines(text: str) -> str:
    r"""`\r\n` and `\r` as `\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoding_of(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    declared = _XML_CHARSET.match(content, 0, _CHARSET_WITHIN)
    declared = declared or _HTML_CHARSET.search(content, 0, _CHARSET_WITHIN)
    if declared and b"<" in content[: declared.start() + 1]:
        try:
            codec = codecs.lookup(declared[1].decode("ascii"))
        except LookupError:
            return "utf-8"
        # `_is_text_encoding` keeps out `hex` and the like.
        if codec._is_text_encoding and not codec.name.startswith(_NOT_BY_A_PAGE):
            return codec.name
    return "utf-8"


def _binary(name: str) -> UnsupportedDocumentError:
    return UnsupportedDocumentError(
        f"{name} is a binary file of a type that is not known", param="file", hint=READS
    )
