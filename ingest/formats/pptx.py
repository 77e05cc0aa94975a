"""PowerPoint files, read by their XML: a slide is a page, its title a heading, its notes stand below it.

kreuzberg does not escape `|` in their tables, which breaks the rows.
"""

from collections.abc import Iterator
from posixpath import join, normpath
from xml.etree.ElementTree import Element
from zipfile import ZipFile

from ingest.formats import packages
from ingest.formats.packages import attribute, local, opened, part
from ingest.formats.reading import Options, Pen, Reading, UnreadableError
from tandem.vocabulary import Page

_PRESENTATION = "ppt/presentation.xml"
_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
_MOST_SLIDES = 10_000


def read(content: bytes, _: Options) -> Reading:
    """The slides in the order in which they are shown."""
    with opened(content) as package:
        pen = Pen()
        pages = []
        title, stated = None, packages.title(package)
        for number, name in enumerate(_slides(package), 1):
            slide = part(package, name)
            before = pen.end
            headline = _write(pen, slide) if slide is not None else None
            title = title or headline
            _write_notes(pen, package, name)
            pages.append((number, before, pen.end))
        reading = pen.reading(stated or title)
    reading.pages = [_page(reading.text, *place) for place in pages]
    return reading


def _slides(package: ZipFile) -> list[str]:
    presentation = part(package, _PRESENTATION)
    if presentation is None:
        raise UnreadableError("broken", "no presentation in the package")
    targets = _targets(package, _PRESENTATION)
    shown = [_relation(one) for one in presentation.iter() if local(one.tag) == "sldId"]
    slides = [targets[known][1] for known in shown if known in targets]
    if len(slides) > _MOST_SLIDES:
        raise UnreadableError("pages")
    return slides


def _targets(package: ZipFile, name: str) -> dict[str, tuple[str, str]]:
    """What a part refers to within the package, by id: kind, and name of the part."""
    folder, _, file = name.rpartition("/")
    tree = part(package, f"{folder}/_rels/{file}.rels")
    found = {}
    for relation in tree if tree is not None else ():
        known, target = attribute(relation, "Id"), attribute(relation, "Target")
        if known and target and attribute(relation, "TargetMode") != "External":
            kind = (attribute(relation, "Type") or "").rpartition("/")[2]
            place = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
            found[known] = (kind, place)
    return found


def _relation(element: Element) -> str:
    """The id of the relation that an element names; its plain `id` is another thing."""
    return next((value for key, value in element.items() if key.startswith("{") and local(key) == "id"), "")


def _write(pen: Pen, slide: Element) -> str | None:
    """Write a slide, its title first; returns the title."""
    shapes = list(_shapes(slide))
    title = next((text for kind, text in map(_titled, shapes) if kind and text), None)
    if title:
        pen.heading(1, title)
    for shape in shapes:
        if local(shape.tag) == "tbl":
            pen.table(_rows(shape))
        elif not _titled(shape)[0]:
            lines = [line for line in _lines(shape) if line.strip()]
            pen.paragraph("\n".join(f"- {line}" for line in lines) if len(lines) > 1 else "".join(lines))
    return title


def _write_notes(pen: Pen, package: ZipFile, slide: str) -> None:
    for kind, name in _targets(package, slide).values():
        notes = part(package, name) if kind == "notesSlide" else None
        if notes is not None:
            pen.paragraph("\n".join(line for shape in _shapes(notes) for line in _lines(shape)))


def _shapes(parent: Element) -> Iterator[Element]:
    """Shapes with text and tables, in order, out of their groups."""
    for element in parent:
        name = local(element.tag)
        if name == "sp":
            if _placeholder(element) not in _FURNITURE:
                yield element
        elif name in ("tbl", "cSld", "spTree", "grpSp", "graphicFrame", "graphic", "graphicData"):
            yield from [element] if name == "tbl" else _shapes(element)


def _placeholder(shape: Element) -> str:
    return next((attribute(one, "type") or "" for one in shape.iter() if local(one.tag) == "ph"), "")


def _titled(shape: Element) -> tuple[bool, str]:
    """Whether a shape is the title, and its text in one line."""
    is_title = local(shape.tag) == "sp" and _placeholder(shape) in _TITLES
    return is_title, " ".join(" ".join(_lines(shape)).split()) if is_title else ""


def _lines(shape: Element) -> Iterator[str]:
    for paragraph in shape.iter():
        if local(paragraph.tag) == "p":
            yield "".join(_piece(one) for one in paragraph.iter())


def _piece(element: Element) -> str:
    name = local(element.tag)
    return (element.text or "") if name == "t" else " " if name in ("br", "tab") else ""


def _rows(table: Element) -> Iterator[list[str]]:
    for row in table:
        if local(row.tag) == "tr":
            yield [" ".join(_lines(cell)) for cell in row if local(cell.tag) == "tc"]


def _page(text: str, number: int, before: int, end: int) -> Page:
    """The place of a slide, without the empty lines before it."""
    start = before
    while start < end and text[start] == "\n":
        start += 1
    return Page(number, start, end)
