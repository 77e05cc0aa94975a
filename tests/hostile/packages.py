"""Office files and e-books that mean harm."""

import io
import zipfile
from collections.abc import Mapping

from office import (
    docx_bytes,
    eml_bytes,
    epub_bytes,
    heading,
    odt_bytes,
    paragraph,
    pptx_bytes,
    word_table,
    xlsx_bytes,
    zipped,
)

from hostile.zeros import deflated, zip_of

_XML = '<?xml version="1.0"?>'
_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
XXE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
DTD = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/evil.dtd">'
LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a0 "ha ha ha ha ha ha ha ha ha ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + '<!ENTITY e "&a9;">]>'
)
QUADRATIC = f'<!DOCTYPE x [<!ENTITY e "{"ha " * 30_000}">]>'
_MANY = "&e;" * 5_000
_KINDS = {
    "xxe": (XXE, "&e;"),
    "dtd": (DTD, "&e;"),
    "laughs": (LAUGHS, "&e;"),
    "quadratic": (QUADRATIC, _MANY),
}
_ODT_REPEATED = (
    '<table:table><table:table-row table:number-rows-repeated="1000000000"><table:table-cell '
    'table:number-columns-repeated="1000000000"><text:p>x</text:p></table:table-cell></table:table-row></table:table>'
)


def files() -> Mapping[str, bytes]:
    """Bombs, entities, depth, lies and halves."""
    return {**_bombs(), **_entities(), **_deep(), **_lies(), **_halves()}


def _bombs() -> dict[str, bytes]:
    word = deflated(
        1024,
        b" ",
        f"{_XML}<w:document {_WORD}><w:body><w:p><w:r><w:t>".encode(),
        b"</w:t></w:r></w:p></w:body></w:document>",
    )
    elements = deflated(
        200, b"<w:p/>" + b" " * 10, f"{_XML}<w:document {_WORD}><w:body>".encode(), b"</w:body></w:document>"
    )
    types = _packed_types()
    return {
        "bomb.docx": zip_of({**types, "word/document.xml": word}),
        "elements-bomb.docx": zip_of({**types, "word/document.xml": elements}),
        "lying-size.docx": zip_of({**types, "word/document.xml": word}, stated_size=100),
        "styles-bomb.docx": zip_of(
            {**types, "word/document.xml": _small(docx_body()), "word/styles.xml": word}
        ),
        "bomb.xlsx": _with_bomb(xlsx_bytes({"A": [["x"]]}), "xl/worksheets/sheet1.xml"),
        "strings-bomb.xlsx": _with_bomb(xlsx_bytes({"A": [["x"]]}), "xl/sharedStrings.xml"),
        "bomb.pptx": _with_bomb(pptx_bytes([("A", ["x"], [])]), "ppt/slides/slide1.xml"),
        "bomb.epub": _with_bomb(epub_bytes({"c1.xhtml": "<p>x</p>"}), "OEBPS/c1.xhtml"),
        "bomb.odt": _with_bomb(odt_bytes("<text:p>x</text:p>"), "content.xml"),
        "last-cell.xlsx": xlsx_bytes({"A": [["x"]]}, **{"xl/worksheets/sheet1.xml": _far_cells()}),
        "repeated.odt": odt_bytes(_ODT_REPEATED),
        "overlapping.docx": zip_of({**types, "word/document.xml": word}, copies=500),
    }


def _entities() -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    for kind, (declared, used) in _KINDS.items():
        document = f"{_XML}{declared}<w:document {_WORD}><w:body>{paragraph(used)}</w:body></w:document>"
        made[f"{kind}.docx"] = docx_bytes(**{"word/document.xml": document})
        sheet = (
            f'{_XML}{declared}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            f'<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>{used}</t></is></c></row></sheetData></worksheet>'
        )
        made[f"{kind}.xlsx"] = xlsx_bytes({"A": [["x"]]}, **{"xl/worksheets/sheet1.xml": sheet})
        slide = (
            f'{_XML}{declared}<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
            'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><p:cSld><p:spTree><p:sp><p:txBody>'
            f"<a:p><a:r><a:t>{used}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"
        )
        made[f"{kind}.pptx"] = pptx_bytes([("A", ["x"], [])], **{"ppt/slides/slide1.xml": slide})
        chapter = f"{_XML}{declared}<html><body><p>{used}</p></body></html>"
        made[f"{kind}.epub"] = epub_bytes({"c1.xhtml": ""}, **{"OEBPS/c1.xhtml": chapter})
        made[f"{kind}.svg"] = f"{_XML}{declared}<svg><text>{used}</text></svg>".encode()
        made[f"{kind}.opml"] = f"{_XML}{declared}<opml><body><outline text='{used}'/></body></opml>".encode()
        made[f"{kind}.html"] = f"{declared}<html><body><p>{used}</p></body></html>".encode()
    hidden = f"{_XML}{XXE}<w:document {_WORD}><w:body>{paragraph('&e;')}</w:body></w:document>"
    made["xxe-utf16.docx"] = docx_bytes(**{"word/document.xml": hidden.encode("utf-16")})
    return made


def _deep() -> dict[str, bytes]:
    many = 100_000
    nested = "<w:sdt><w:sdtContent>" * many + paragraph("x") + "</w:sdtContent></w:sdt>" * many
    cell = paragraph("x")
    for _ in range(200):
        cell = word_table([["a"]]).replace(paragraph("a"), cell)
    return {
        "deep.docx": docx_bytes(nested),
        "deep-tables.docx": docx_bytes(cell),
        "many-headings.docx": docx_bytes("".join(heading(1, f"H{n}") for n in range(20_000))),
        "deep.epub": epub_bytes({"c1.xhtml": "<div>" * many + "x" + "</div>" * many}),
        "deep.odt": odt_bytes("<text:section>" * many + "<text:p>x</text:p>" + "</text:section>" * many),
        "deep.xlsx": xlsx_bytes({"A": [["x"]]}, **{"xl/worksheets/sheet1.xml": "<a>" * many + "</a>" * many}),
        "deep.pptx": pptx_bytes([("A", [], [])], **{"ppt/slides/slide1.xml": "<a>" * many + "</a>" * many}),
        "many-chapters.epub": epub_bytes({f"c{n}.xhtml": "<p>x</p>" for n in range(3_000)}),
    }


def _lies() -> dict[str, bytes]:
    circle = (
        f'{_XML}<w:styles {_WORD}><w:style w:type="paragraph" w:styleId="Heading1"><w:basedOn w:val="Heading1"/>'
        "</w:style></w:styles>"
    )
    no_chapters = {"META-INF/container.xml": f"{_XML}<container/>"}
    return {
        "no-document.docx": zipped({"[Content_Types].xml": "<Types/>", "word/other.xml": "<x/>"}),
        "circular-style.docx": docx_bytes(heading(1, "x"), **{"word/styles.xml": circle}),
        "not-xml.docx": docx_bytes(**{"word/document.xml": "this is no XML"}),
        "traversal-target.docx": docx_bytes(
            **{
                "_rels/.rels": f'{_XML}<Relationships><Relationship Id="r" Type="x/officeDocument" '
                'Target="../../../etc/passwd"/></Relationships>'
            }
        ),
        "traversal-chapter.epub": epub_bytes({"../../../../etc/passwd": "<p>x</p>"}),
        "no-chapters.epub": epub_bytes({"c1.xhtml": "<p>x</p>"}, **no_chapters),
        "locked.docx": zip_of({**_packed_types(), "word/document.xml": _small(docx_body())}, flags=1),
        "odd-names.xlsx": xlsx_bytes({"../../x": [["a"]], "CON": [["b"]]}),
    }


def _halves() -> dict[str, bytes]:
    whole = {
        "docx": docx_bytes(paragraph("word " * 500)),
        "xlsx": xlsx_bytes({"A": [[n, n * n] for n in range(500)]}),
        "pptx": pptx_bytes([("A", ["x"] * 50, [])]),
        "epub": epub_bytes({"c1.xhtml": "<p>x</p>" * 500}),
        "odt": odt_bytes("<text:p>x</text:p>" * 500),
        "eml": eml_bytes("x" * 500, attachments=[("a.bin", "application/octet-stream", bytes(5_000))]),
    }
    return {f"half.{suffix}": content[: len(content) // 2] for suffix, content in whole.items()}


def docx_body() -> bytes:
    """The main part of a small Word file."""
    return f"{_XML}<w:document {_WORD}><w:body>{paragraph('x')}</w:body></w:document>".encode()


def _small(content: bytes) -> tuple[bytes, int, int]:
    return deflated(0, before=content)


def _packed_types() -> dict[str, tuple[bytes, int, int]]:
    return {"[Content_Types].xml": _small(b"<Types/>")}


def _with_bomb(package: bytes, name: str) -> bytes:
    """The same package with a part of a gigabyte of spaces in the place of one, or beside the others."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        parts = {part: _small(archive.read(part)) for part in archive.namelist()}
        if "mimetype" in parts:
            kind = archive.read("mimetype")
            parts["mimetype"] = (kind, *deflated(0, before=kind)[1:])
    return zip_of({**parts, name: deflated(1024, b" ", b"<a>", b"</a>")})


def _far_cells() -> str:
    return (
        f'{_XML}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row></sheetData></worksheet>'
    )
