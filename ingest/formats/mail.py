"""E-mail as it is sent (RFC 5322, MIME): a short head, the body, and what is attached."""

import email
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message

from ingest.formats import html
from ingest.formats.reading import Options, Pen, Reading

_SHOWN = ("From", "To", "Cc", "Date")
_MOST_PARTS = 1_000
_LONGEST_FIELD = 2_000


def read(content: bytes, options: Options) -> Reading:
    """The subject is the title; attachments and e-mails within are given out, not read."""
    # The library's old policy: its new one parses every field by a grammar, which some fields make endless.
    message = email.message_from_bytes(content)
    fields = {name: _field(message, name) for name in (*_SHOWN, "Subject")}
    pen = Pen()
    write_head(pen, fields)
    plain, pages, attachments = _parts(message)
    if plain:
        for text in plain:
            pen.paragraph(text)
    else:
        for page in pages:
            pen.markdown(html.main_content(page).text)
    reading = pen.reading(fields["Subject"] or None)
    reading.attachments = attachments
    if not plain and not pages and not attachments:
        reading.warnings.append("the e-mail has no body")
    return reading


def write_head(pen: Pen, fields: Mapping[str, str]) -> None:
    """Who wrote to whom, when; one line each."""
    subject = fields.get("Subject", "")
    if subject:
        pen.heading(1, subject)
    pen.paragraph("\n".join(f"{name}: {fields[name]}" for name in _SHOWN if fields.get(name)))


def _field(message: Message, name: str) -> str:
    """A field in plain letters; as it stands where its encoding is broken."""
    raw = str(message.get(name, ""))[:_LONGEST_FIELD]
    try:
        return " ".join(str(make_header(decode_header(raw))).split())
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return " ".join(raw.split())


def _parts(message: Message) -> tuple[list[str], list[str], list[tuple[str, bytes]]]:
    """Plain texts, pages of HTML, and attachments with their names."""
    plain: list[str] = []
    pages: list[str] = []
    attachments: list[tuple[str, bytes]] = []
    waiting: list[Message] = [message]
    seen = 0
    while waiting and seen < _MOST_PARTS:
        part = waiting.pop(0)
        seen += 1
        if (
            len(str(part.get("Content-Type", ""))) + len(str(part.get("Content-Disposition", "")))
            > _LONGEST_FIELD
        ):
            continue
        kind = part.get_content_type()
        if part.is_multipart() and kind != "message/rfc822":
            inner = part.get_payload()
            waiting[:0] = (
                [one for one in inner if isinstance(one, Message)] if isinstance(inner, list) else []
            )
        elif kind == "message/rfc822":
            attachments.append((f"message-{seen}.eml", _inner_bytes(part)))
        elif part.get_content_disposition() != "attachment" and kind in ("text/plain", "text/html"):
            (plain if kind == "text/plain" else pages).append(_text(part))
        elif part.get_content_disposition() == "attachment" or part.get_filename():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and content:
                attachments.append((part.get_filename() or f"attachment-{seen}", content))
    return [text for text in plain if text.strip()], pages, attachments


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            return content.decode(charset)
        except (LookupError, UnicodeDecodeError):
            continue
    # Every byte is a letter in Latin-1; old mailers that name no charset mean it, or nearly.
    return content.decode("latin-1")


def _inner_bytes(part: Message) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list) and inner and isinstance(inner[0], Message):
        return inner[0].as_bytes()
    return b""
