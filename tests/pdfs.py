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


def table_page(rows: Sequence[Sequence[str]], *, ruled: bool, before: str = "", after: str = "") -> bytes:
    """A PDF of one page with a table between two lines of text, drawn cell by cell, with rules or without."""
    shown, top = [], 640
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            shown.append(_line(cell, 80 + 120 * column, top - 20 * row))
    rules = []
    if ruled:
        bottom, right = top + 15 - 20 * len(rows), 75 + 120 * len(rows[0])
        rules += [f"75 {top + 15 - 20 * n} m {right} {top + 15 - 20 * n} l S" for n in range(len(rows) + 1)]
        rules += [f"{75 + 120 * n} {bottom} m {75 + 120 * n} {top + 15} l S" for n in range(len(rows[0]) + 1)]
    drawn = [_line(before, 72, 700), *rules, *shown, _line(after, 72, top - 20 * len(rows) - 40)]
    return drawn_pdf("\n".join(drawn).encode("cp1252"))


def drawn_pdf(drawing: bytes, *more: bytes) -> bytes:
    """A PDF of one page with this content, and further objects from number 5 on."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 6 0 R "
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R /Outlines 7 0 R >>",
            b"<< /Type /Pages /Kids [5 0 R] /Count 1 >>",
            _FONT,
            b"<< >>",
            page + b"/Resources << /Font << /F1 3 0 R >> /XObject << /X1 8 0 R >> >> >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
            *more,
        ],
        b"",
    )


def _line(text: str, x: int, y: int) -> str:
    return f"BT /F1 12 Tf {x} {y} Td ({_escaped(text)}) Tj ET"


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
