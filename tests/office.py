"""Small office files, e-books and e-mails, written by hand."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_TYPES = "application/vnd.openxmlformats-officedocument"

Rows = Sequence[Sequence[object]]


def zipped(members: Mapping[str, str | bytes]) -> bytes:
    """A zip file of these members, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            stored = name == "mimetype"  # as e-books and OpenDocument want it
            kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), content, kind)
    return buffer.getvalue()


def docx_bytes(body: str | None = None, *, title: str | None = None, **more: str | bytes) -> bytes:
    """A Word file with this body in WordprocessingML; see `heading`, `paragraph`, `word_table`."""
    body = paragraph("Some words.") if body is None else body
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="heading {level}"/>'
        f'<w:pPr><w:outlineLvl w:val="{level - 1}"/></w:pPr></w:style>'
        for level in range(1, 4)
    )
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(
            {
                "/word/document.xml": f"{_TYPES}.wordprocessingml.document.main+xml",
                "/word/styles.xml": f"{_TYPES}.wordprocessingml.styles+xml",
            }
        ),
        "_rels/.rels": _rels({"officeDocument": "word/document.xml"}, core=title is not None),
        "word/_rels/document.xml.rels": _rels({"styles": "styles.xml"}),
        "word/document.xml": f'{_XML}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>',
        "word/styles.xml": f'{_XML}<w:styles xmlns:w="{_WORD}">{styles}</w:styles>',
    }
    if title is not None:
        members["docProps/core.xml"] = _core(title)
    return zipped({**members, **more})


def heading(level: int, text: str) -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="Heading{level}"/></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>'


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def word_table(rows: Rows) -> str:
    cells = "".join(
        "<w:tr>" + "".join(f"<w:tc>{paragraph(str(cell))}</w:tc>" for cell in row) + "</w:tr>" for row in rows
    )
    return f"<w:tbl>{cells}</w:tbl>"


def xlsx_bytes(sheets: Mapping[str, Rows], **more: str | bytes) -> bytes:
    """A workbook; numbers stay numbers."""
    names = list(sheets)
    types = {"/xl/workbook.xml": f"{_TYPES}.spreadsheetml.sheet.main+xml"}
    types |= {f"/xl/worksheets/sheet{n}.xml": f"{_TYPES}.spreadsheetml.worksheet+xml" for n in _from_1(names)}
    listed = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1))
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(types),
        "_rels/.rels": _rels({"officeDocument": "xl/workbook.xml"}),
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _many_rels(
            "worksheet", [f"worksheets/sheet{n}.xml" for n in _from_1(names)]
        ),
    }
    for n, rows in enumerate(sheets.values(), 1):
        members[f"xl/worksheets/sheet{n}.xml"] = (
            f'{_XML}<worksheet xmlns="{_SHEET}"><sheetData>{_sheet_rows(rows)}</sheetData></worksheet>'
        )
    return zipped({**members, **more})


def pptx_bytes(slides: Sequence[tuple[str, Sequence[str], Rows]], **more: str | bytes) -> bytes:
    """A presentation; a slide is its title, its lines and its table, each of which may be empty."""
    types = {"/ppt/presentation.xml": f"{_TYPES}.presentationml.presentation.main+xml"}
    types |= {f"/ppt/slides/slide{n}.xml": f"{_TYPES}.presentationml.slide+xml" for n in _from_1(slides)}
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n}"/>' for n in _from_1(slides))
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": _content_types(types),
        "_rels/.rels": _rels({"officeDocument": "ppt/presentation.xml"}),
        "ppt/presentation.xml": f'{_XML}<p:presentation xmlns:p="{_SLIDE}" xmlns:r="{_OFFICE}">'
        f"<p:sldIdLst>{listed}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": _many_rels(
            "slide", [f"slides/slide{n}.xml" for n in _from_1(slides)]
        ),
    }
    for n, (title, lines, rows) in enumerate(slides, 1):
        shapes = _shape("title", [title]) * bool(title) + _shape("body", lines) * bool(lines)
        members[f"ppt/slides/slide{n}.xml"] = (
            f'{_XML}<p:sld xmlns:p="{_SLIDE}" xmlns:a="{_DRAWING}"><p:cSld><p:spTree>{shapes}'
            f"{_slide_table(rows)}</p:spTree></p:cSld></p:sld>"
        )
    return zipped({**members, **more})


def epub_bytes(chapters: Mapping[str, str], *, title: str = "A book", **more: str | bytes) -> bytes:
    """An e-book; a chapter is its file's name and its body in XHTML."""
    manifest = "".join(
        f'<item id="c{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(chapters, 1)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in _from_1(chapters))
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'{_XML}<container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OEBPS/book.opf": f'{_XML}<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        f'<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></metadata>'
        f"<manifest>{manifest}</manifest><spine>{spine}</spine></package>",
    }
    for name, body in chapters.items():
        members[f"OEBPS/{name}"] = (
            f'{_XML}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{title}</title></head>'
            f"<body>{body}</body></html>"
        )
    return zipped({**members, **more})


def odt_bytes(body: str) -> bytes:
    """An OpenDocument text with this body."""
    office = "urn:oasis:names:tc:opendocument:xmlns"
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "META-INF/manifest.xml": f'{_XML}<manifest:manifest xmlns:manifest="{office}:manifest:1.0">'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
            "</manifest:manifest>",
            "content.xml": f'{_XML}<office:document-content xmlns:office="{office}:office:1.0" '
            f'xmlns:text="{office}:text:1.0" xmlns:table="{office}:table:1.0"><office:body><office:text>'
            f"{body}</office:text></office:body></office:document-content>",
        }
    )


def eml_bytes(
    body: str,
    *,
    subject: str = "Tides",
    html: str | None = None,
    attachments: Sequence[tuple[str, str, bytes]] = (),
) -> bytes:
    """An e-mail; an attachment is its name, its media type and its bytes."""
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "Ann Lee <ann@example.com>"
    message["To"] = "bob@example.com, Cy <cy@example.com>"
    message["Date"] = "Mon, 02 Nov 2026 09:30:00 +0000"
    message.set_content(body)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, media_type, content in attachments:
        main, sub = media_type.split("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message.as_bytes()


def _from_1(things: Sequence[object] | Mapping[str, object]) -> range:
    return range(1, len(things) + 1)


def _content_types(parts: Mapping[str, str]) -> str:
    overrides = "".join(f'<Override PartName="{name}" ContentType="{kind}"/>' for name, kind in parts.items())
    return (
        f'{_XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _rels(targets: Mapping[str, str], core: bool = False) -> str:
    entries = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets.items(), 1)
    )
    if core:
        entries += (
            f'<Relationship Id="rIdCore" Type="{_RELATIONS}/metadata/core-properties" '
            'Target="docProps/core.xml"/>'
        )
    return f'{_XML}<Relationships xmlns="{_RELATIONS}">{entries}</Relationships>'


def _many_rels(kind: str, targets: Sequence[str]) -> str:
    entries = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, target in enumerate(targets, 1)
    )
    return f'{_XML}<Relationships xmlns="{_RELATIONS}">{entries}</Relationships>'


def _core(title: str) -> str:
    return (
        f'{_XML}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/'
        'core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:title>{title}</dc:title></cp:coreProperties>"
    )


def _sheet_rows(rows: Rows) -> str:
    return "".join(
        f'<row r="{number}">'
        + "".join(_cell(number, place, cell) for place, cell in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, 1)
    )


def _cell(row: int, column: int, value: object) -> str:
    place = f"{chr(65 + column)}{row}"
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


def _shape(kind: str, lines: Sequence[str]) -> str:
    paragraphs = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="{kind}"/><p:cNvSpPr/><p:nvPr><p:ph type="{kind}"/></p:nvPr>'
        f"</p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/>{paragraphs}</p:txBody></p:sp>"
    )


def _slide_table(rows: Rows) -> str:
    if not rows:
        return ""
    cells = "".join(
        '<a:tr h="1">'
        + "".join(
            f"<a:tc><a:txBody><a:bodyPr/><a:p><a:r><a:t>{cell}</a:t></a:r></a:p></a:txBody></a:tc>"
            for cell in row
        )
        + "</a:tr>"
        for row in rows
    )
    return (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="9" name="table"/><p:cNvGraphicFramePr/><p:nvPr/>'
        '</p:nvGraphicFramePr><a:graphic><a:graphicData uri="http://schemas.openxmlformats.org/drawingml/'
        f'2006/table"><a:tbl>{cells}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>'
    )
