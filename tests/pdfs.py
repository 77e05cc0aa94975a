"""Small PDF files, written by hand."""

from collections.abc import Sequence

_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
_LOCK = b" /Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<00> <00>]" % (
    b"ab" * 32,
    b"cd" * 32,
)


def pdf_bytes(pages: Sequence[str], *, title: str | None = None, locked: bool = False) -> bytes:
    """A PDF with one page for each text (Latin-1 letters, a line for each line).

    An empty text gives a page with a drawing only, as of a scanner. `locked` asks for a password.
    """
    kids = " ".join(f"{5 + 2 * place} 0 R" for place in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        _FONT,
        b"<< /Title (%s) >>" % _escaped(title).encode("cp1252") if title else b"<< >>",
    ]
    for place, page in enumerate(pages):
        lines = page.split("\n")
        # A letter page, or as large as its text needs: what is outside of it does not count as text.
        width = max(612, 144 + 9 * max(map(len, lines)))
        height = max(792, 144 + 14 * len(lines))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] "
            b"/Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>" % (width, height, 6 + 2 * place)
        )
        drawing = _drawing(lines, height) if page else b"0 0 m 100 100 l S"
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing))
    return _file(objects, _LOCK if locked else b"")


def _drawing(lines: Sequence[str], height: int) -> bytes:
    shown = " T* ".join(f"({_escaped(line)}) Tj" for line in lines)
    return f"BT /F1 12 Tf 14 TL 72 {height - 72} Td {shown} ET".encode("cp1252")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _file(objects: Sequence[bytes], more: bytes) -> bytes:
    body = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        bytes(body)
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R%s >>\n" % (size, more)
        + b"startxref\n%d\n%%%%EOF\n" % len(body)
    )
