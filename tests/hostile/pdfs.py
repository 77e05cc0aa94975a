"""PDFs that mean harm."""

import zlib
from collections.abc import Mapping, Sequence

from pdfs import pdf_bytes

from hostile.zeros import zlib_zeros

_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
_PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_TEXT = b"BT /F1 12 Tf 72 700 Td (The tide turns at noon.) Tj ET"


def files() -> Mapping[str, bytes]:
    """Bombs in streams, circles, claims, depth, scripts, halves."""
    return {**_streams(), **_circles(), **_claims(), **_odd()}


def _streams() -> dict[str, bytes]:
    stacked = zlib_zeros(1024)
    for _ in range(3):
        stacked = zlib.compress(stacked, 9)
    hexed = zlib_zeros(64).hex().encode() + b">"
    lzw = b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01" * 100_000
    image = b"/Type /XObject /Subtype /Image /Width 50000 /Height 50000 /BitsPerComponent 8 /ColorSpace /DeviceRGB "
    predictor = b"/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 2147483647 /Colors 32 >>"
    shown = b"q 600 0 0 700 0 0 cm /X1 Do Q"
    return {
        "flate-bomb.pdf": _page(zlib_zeros(1024), b"/Filter /FlateDecode"),
        "stacked-flate.pdf": _page(stacked, b"/Filter [" + b"/FlateDecode " * 4 + b"]"),
        "flate-thousand.pdf": _page(zlib.compress(_TEXT), b"/Filter [" + b"/FlateDecode " * 1_000 + b"]"),
        "hex-flate.pdf": _page(hexed, b"/Filter [/ASCIIHexDecode /FlateDecode]"),
        "run-length-bomb.pdf": _page(b"\x81 " * 4_000_000 + b"\x80", b"/Filter /RunLengthDecode"),
        "lzw-bomb.pdf": _page(lzw, b"/Filter [/LZWDecode /LZWDecode]"),
        "predictor.pdf": _page(zlib.compress(_TEXT), predictor),
        "huge-image.pdf": _file(
            [*_objects(shown, b"/X1 6 0 R"), _stream(zlib_zeros(64), image + b"/Filter /FlateDecode")]
        ),
        "jpx-garbage.pdf": _file(
            [
                *_objects(shown, b"/X1 6 0 R"),
                _stream(b"\xff\x4f\xff\x51" * 500, image + b"/Filter /JPXDecode"),
            ]
        ),
        "million-operators.pdf": _page(b"q " * 1_000_000 + _TEXT),
        "million-letters.pdf": _page(b"BT /F1 1 Tf " + b"(a) Tj 1 0 Td " * 100_000 + b"ET"),
        "million-lines.pdf": _page(b"0 0 m 1 1 l S " * 200_000 + _TEXT),
        "inline-image-without-end.pdf": _page(_TEXT + b" BI /W 10 /H 10 /BPC 8 /CS /G ID " + b"x" * 10_000),
        "xfa-form.pdf": _file(
            [
                _CATALOG[:-2] + b"/AcroForm << /XFA [(a) 6 0 R] >> >>",
                *_objects(_TEXT)[1:],
                _stream(b"<xdp/>" * 9),
            ]
        ),
    }


def _circles() -> dict[str, bytes]:
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X1 6 0 R >> >> "
    type3 = (
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 65 /LastChar 65 "
        b"/Widths [9] /Encoding << /Differences [65 /A] >> /CharProcs << /A 4 0 R >> /Resources << /Font << /F1 5 0 R >> >> >>"
    )
    outline = (
        b"<< /Title (a) /Parent 6 0 R /First 6 0 R /Last 6 0 R /Next 6 0 R /Prev 6 0 R /Dest [3 0 R /Fit] >>"
    )
    length = b"<< /Length 4 0 R >>\nstream\n" + _TEXT + b"\nendstream"
    kids = b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 2 0 R 3 0 R] /Count 3 >>"
    return {
        "circular-prev.pdf": _file(_objects(_TEXT), trailer=b" /Prev %START%"),
        "circular-kids.pdf": _file([_CATALOG, kids, *_objects(_TEXT)[2:]]),
        "own-parent.pdf": _file([_CATALOG, b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>"]),
        "circular-form.pdf": _file([*_objects(b"/X1 Do", b"/X1 6 0 R"), _stream(b"/X1 Do", form)]),
        "circular-type3.pdf": _file([*_objects(b"BT /F1 9 Tf (A) Tj ET")[:4], type3]),
        "circular-outline.pdf": _file([_CATALOG[:-2] + b"/Outlines 6 0 R >>", *_objects(_TEXT)[1:], outline]),
        "circular-length.pdf": _file([*_objects(_TEXT)[:3], length, _FONT]),
        "circular-reference.pdf": _file([b"1 0 R", _PAGES, _PAGE]),
        "circular-contents.pdf": _file([*_objects(_TEXT)[:3], b"[4 0 R 4 0 R 4 0 R]", _FONT]),
    }


def _claims() -> dict[str, bytes]:
    million = b"<< /Type /Pages /Kids [3 0 R] /Count 1000000 >>"
    shared = b"<< /Type /Pages /Kids [" + b"3 0 R " * 100_000 + b"] /Count 100000 >>"
    negative = b"<< /Type /Pages /Kids [3 0 R] /Count -5 >>"
    vast = _PAGE.replace(b"[0 0 612 792]", b"[-1e38 -1e38 1e38 1e38]")
    return {
        "million-pages.pdf": _file([_CATALOG, million, *_objects(_TEXT)[2:]]),
        "same-page-often.pdf": _file([_CATALOG, shared, *_objects(_TEXT)[2:]]),
        "negative-count.pdf": _file([_CATALOG, negative, *_objects(_TEXT)[2:]]),
        "no-pages.pdf": _file([_CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>"]),
        "huge-size.pdf": _file(_objects(_TEXT), size=2_147_483_647),
        "huge-length.pdf": _file(
            [*_objects(_TEXT)[:3], b"<< /Length 2147483647 >>\nstream\n" + _TEXT, _FONT]
        ),
        "negative-length.pdf": _file(
            [*_objects(_TEXT)[:3], b"<< /Length -1 >>\nstream\n" + _TEXT + b"\nendstream", _FONT]
        ),
        "vast-page.pdf": _file([*_objects(_TEXT)[:2], vast, *_objects(_TEXT)[3:]]),
        "flat-page.pdf": _file(
            [*_objects(_TEXT)[:2], _PAGE.replace(b"612 792", b"0 0"), *_objects(_TEXT)[3:]]
        ),
    }


def _odd() -> dict[str, bytes]:
    whole = pdf_bytes(["The tide turns at noon. " * 20] * 20)
    script = (
        _CATALOG[:-2] + b"/OpenAction << /S /JavaScript /JS (app.launchURL('http://127.0.0.1:9/');) >> >>"
    )
    launch = _CATALOG[:-2] + b"/OpenAction << /S /Launch /F (/bin/sh) >> >>"
    embedded = (
        _CATALOG[:-2]
        + b"/Names << /EmbeddedFiles << /Names [(../../evil.exe) << /Type /Filespec /F (../../evil.exe) "
        b"/EF << /F 6 0 R >> >>] >> >> >>"
    )
    deep = b"[" * 100_000 + b"]" * 100_000
    deep_dictionary = b"<< /A " * 50_000 + b"1" + b" >>" * 50_000
    return {
        "javascript.pdf": _file([script, *_objects(_TEXT)[1:]]),
        "launch.pdf": _file([launch, *_objects(_TEXT)[1:]]),
        "embedded.pdf": _file([embedded, *_objects(_TEXT)[1:], _stream(b"MZ\x90\x00" * 99)]),
        "deep-array.pdf": _file([*_objects(_TEXT), deep], trailer=b" /Info 6 0 R"),
        "deep-dictionary.pdf": _file([*_objects(_TEXT), deep_dictionary], trailer=b" /Info 6 0 R"),
        "half.pdf": whole[: len(whole) // 2],
        "no-end.pdf": whole[:-30],
        "only-magic.pdf": b"%PDF-1.7",
        "late-magic.pdf": b"\n" * 1_000 + whole,
        "no-objects.pdf": b"%PDF-1.4\ntrailer << /Root 1 0 R >>\nstartxref\n0\n%%EOF",
        "long-name.pdf": _file(
            [*_objects(_TEXT), b"<< /Title /" + b"A" * 1_000_000 + b" >>"], trailer=b" /Info 6 0 R"
        ),
        "long-title.pdf": _file(
            [*_objects(_TEXT), b"<< /Title (" + b"A" * 1_000_000 + b") >>"], trailer=b" /Info 6 0 R"
        ),
        "locked.pdf": pdf_bytes(["x"], locked=True),
        "noise.pdf": b"%PDF-1.7\n" + bytes((n * n * 31 + n // 7) % 256 for n in range(200_000)),
    }


def _objects(content: bytes, xobjects: bytes = b"") -> list[bytes]:
    page = _PAGE.replace(b"/Font", b"/XObject << " + xobjects + b" >> /Font") if xobjects else _PAGE
    return [_CATALOG, _PAGES, page, _stream(content), _FONT]


def _page(content: bytes, more: bytes = b"") -> bytes:
    return _file([_CATALOG, _PAGES, _PAGE, _stream(content, more), _FONT])


def _stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), more, content)


def _file(objects: Sequence[bytes], trailer: bytes = b"", size: int | None = None) -> bytes:
    body = b"%PDF-1.7\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = trailer.replace(b"%START%", b"%d" % len(body))
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
        + b"trailer\n<< /Size %d /Root 1 0 R%s >>\n" % (size or len(objects) + 1, trailer)
        + b"startxref\n%d\n%%%%EOF\n" % len(body)
    )
