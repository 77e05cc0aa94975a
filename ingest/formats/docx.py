"""Word files, read by their XML: headings by style or outline level, lists, tables, code by its style.

kreuzberg loses every entity in them (`R&amp;D` became `RD`), so this reader stands in its place.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from ingest.formats import packages
from ingest.formats.packages import attribute, local, opened, part
from ingest.formats.reading import Options, Pen, Reading, UnreadableError

_DOCUMENT = "word/document.xml"
_MAIN_PART = "/officeDocument"
_HEADING_NAME = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop) ?([1-9])$", re.IGNORECASE)
_CODE_NAME = re.compile(r"\b(?:code|source|preformatted|verbatim|listing)", re.IGNORECASE)
_DEEPEST_TABLE = 5
_HIDDEN = frozenset({"del", "moveFrom", "instrText", "delText", "pPr", "rPr", "fldData"})
_NOTES = ("footnotes", "endnotes")


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph's style says of it."""

    level: int = 0
    """Of a heading; 0 for text."""
    title: bool = False
    code: bool = False


_PLAIN = _Style()


def read(content: bytes, _: Options) -> Reading:
    """The document as Markdown; its title is that of its properties, or the paragraph styled as title."""
    with opened(content) as package:
        main = _main_part(package)
        document = part(package, main)
        if document is None:
            raise UnreadableError("broken", "no document in the package")
        folder = main.rpartition("/")[0]
        styles = _styles(part(package, f"{folder}/styles.xml"))
        pen = Pen()
        styled = _write(pen, document, styles)
        for notes in _NOTES:
            tree = part(package, f"{folder}/{notes}.xml")
            for note in tree if tree is not None else ():
                if attribute(note, "type") is None:
                    pen.paragraph(_words(note))
        title = packages.title(package) or styled
    return pen.reading(title)


def _main_part(package: ZipFile) -> str:
    relations = part(package, "_rels/.rels")
    for relation in relations if relations is not None else ():
        if (attribute(relation, "Type") or "").endswith(_MAIN_PART):
            return (attribute(relation, "Target") or _DOCUMENT).lstrip("/")
    return _DOCUMENT


def _styles(tree: Element | None) -> dict[str, _Style]:
    """By id. A style takes from the one that it is based on what it does not say itself."""
    found: dict[str, _Style] = {}
    parents: dict[str, str] = {}
    for style in tree if tree is not None else ():
        known, name, level = attribute(style, "styleId"), "", 0
        for element in style.iter():
            value = attribute(element, "val") or ""
            match local(element.tag):
                case "name":
                    name = value
                case "outlineLvl" if value.isdigit() and int(value) < 9:
                    level = int(value) + 1
                case "basedOn":
                    parents[known or ""] = value
        if known and attribute(style, "type") == "paragraph":
            named = _HEADING_NAME.match(name)
            code = bool(_CODE_NAME.search(name))
            found[known] = _Style(int(named[1]) if named else level, name.lower() == "title", code)
    return {known: _inherited(known, found, parents) for known in found}


def _inherited(known: str, found: Mapping[str, _Style], parents: Mapping[str, str]) -> _Style:
    for _ in range(10):
        style = found.get(known, _PLAIN)
        if style != _PLAIN or known not in parents:
            return style
        known = parents[known]
    return _PLAIN


def _write(pen: Pen, document: Element, styles: Mapping[str, _Style]) -> str | None:
    """Write the body; returns the text of the first paragraph that is styled as the title."""
    title: str | None = None
    code: list[str] = []
    for block in _blocks(document):
        if local(block.tag) == "tbl":
            _write_code(pen, code)
            pen.table(_rows(block))
            continue
        style, is_item, depth = _look(block, styles)
        text = _words(block)
        if style.code:
            code.append(text)
            continue
        _write_code(pen, code)
        if style.title:
            title = title or " ".join(text.split()) or None
            pen.heading(1, text)
        elif style.level:
            pen.heading(style.level, text)
        elif is_item:
            pen.item(text, depth)
        else:
            pen.paragraph(text)
    _write_code(pen, code)
    return title


def _write_code(pen: Pen, lines: list[str]) -> None:
    if lines:
        pen.code("\n".join(lines))
        lines.clear()


def _blocks(parent: Element) -> Iterator[Element]:
    """Paragraphs and tables in order, through whatever is wrapped around them."""
    for element in parent:
        name = local(element.tag)
        if name in ("p", "tbl"):
            yield element
        elif name in ("body", "sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"):
            yield from _blocks(element)


def _look(paragraph: Element, styles: Mapping[str, _Style]) -> tuple[_Style, bool, int]:
    """Style; whether it is an item of a list, and how deep."""
    style, is_item, depth = _PLAIN, False, 0
    for element in paragraph:
        if local(element.tag) != "pPr":
            continue
        for inner in element.iter():
            value = attribute(inner, "val") or ""
            match local(inner.tag):
                case "pStyle":
                    style = styles.get(value, _PLAIN)
                case "outlineLvl" if value.isdigit() and int(value) < 9:
                    style = _Style(int(value) + 1)
                case "numId":
                    is_item = value != "0"
                case "ilvl" if value.isdigit():
                    depth = min(int(value), 8)
    return style, is_item, depth


def _rows(table: Element, depth: int = 0) -> Iterator[list[str]]:
    for row in table.iter() if depth == 0 else table:
        if local(row.tag) == "tr":
            yield [_cell(cell, depth) for cell in row if local(cell.tag) == "tc"]


def _cell(cell: Element, depth: int) -> str:
    parts = []
    for block in _blocks(cell):
        if local(block.tag) == "p":
            parts.append(_words(block))
        elif depth < _DEEPEST_TABLE:
            parts += [", ".join(filter(None, row)) for row in _rows(block, depth + 1)]
    return " ".join(filter(None, parts))


def _words(parent: Element) -> str:
    """The text of a paragraph, without what was deleted and without the codes of fields."""
    parts: list[str] = []
    waiting = [parent]
    while waiting:
        element = waiting.pop()
        match local(element.tag):
            case "t":
                parts.append(element.text or "")
            case "tab":
                parts.append("\t")
            case "br" | "cr":
                parts.append("\n")
            case "noBreakHyphen":
                parts.append("-")
            case "p" if element is not parent:
                parts.append("\n")
                waiting += reversed(element)
            case "AlternateContent":  # the same text box twice, for new readers and for old
                waiting += reversed(element[:1])
            case name if name not in _HIDDEN:
                waiting += reversed(element)
    return "".join(parts)
