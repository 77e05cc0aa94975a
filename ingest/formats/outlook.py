"""Outlook's messages (.msg): a compound file whose streams are the message's properties ([MS-OXMSG])."""

import io
from typing import TYPE_CHECKING

from ingest.formats import html
from ingest.formats.mail import write_head
from ingest.formats.reading import Options, Pen, Reading

if TYPE_CHECKING:
    from olefile import OleFileIO

_TEXT, _OLD_TEXT, _BYTES = "001F", "001E", "0102"
_SUBJECT, _FROM_NAME, _FROM, _TO, _CC = "0037", "0C1A", "5D01", "0E04", "0E03"
_BODY, _HTML_BODY = "1000", "1013"
_CONTENT, _LONG_NAME, _SHORT_NAME = "3701", "3707", "3704"
_MOST_ATTACHMENTS = 1_000


def read(content: bytes, _: Options) -> Reading:
    """The subject is the title; attached files are given out."""
    from olefile import OleFileIO

    with OleFileIO(io.BytesIO(content)) as file:
        sender = " ".join(filter(None, (_text(file, _FROM_NAME), _text(file, _FROM))))
        fields = {
            "Subject": _text(file, _SUBJECT),
            "From": sender,
            "To": _text(file, _TO),
            "Cc": _text(file, _CC),
        }
        pen = Pen()
        write_head(pen, fields)
        body, page = _text(file, _BODY), _bytes(file, _HTML_BODY)
        if body.strip():
            pen.paragraph(body)
        elif page:
            pen.markdown(html.main_content(page.decode("utf-8", "replace")).text)
        reading = pen.reading(fields["Subject"] or None)
        reading.attachments = _attachments(file)
    return reading


def _attachments(file: "OleFileIO") -> list[tuple[str, bytes]]:
    folders = sorted({entry[0] for entry in file.listdir() if entry[0].startswith("__attach_")})
    found = []
    for number, folder in enumerate(folders[:_MOST_ATTACHMENTS], 1):
        content = _bytes(file, _CONTENT, folder)
        name = _text(file, _LONG_NAME, folder) or _text(file, _SHORT_NAME, folder)
        if content:
            found.append((name or f"attachment-{number}", content))
    return found


def _text(file: "OleFileIO", tag: str, folder: str = "") -> str:
    wide = _stream(file, tag, _TEXT, folder)
    if wide is not None:
        return wide.decode("utf-16-le", "replace").strip("\x00")
    narrow = _stream(file, tag, _OLD_TEXT, folder) or b""
    return narrow.decode("cp1252", "replace").strip("\x00")


def _bytes(file: "OleFileIO", tag: str, folder: str = "") -> bytes:
    return _stream(file, tag, _BYTES, folder) or b""


def _stream(file: "OleFileIO", tag: str, kind: str, folder: str) -> bytes | None:
    path = [*([folder] if folder else []), f"__substg1.0_{tag}{kind}"]
    if not file.exists(path):
        return None
    content: bytes = file.openstream(path).read()
    return content
