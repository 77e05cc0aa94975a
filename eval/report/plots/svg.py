"""Makes Matplotlib's SVG fit for a page: colours from the stylesheet, no style attributes, ids of its own."""

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from eval.report.plots.palette import PROPERTIES

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_POINTED_AT = re.compile(r"^(?:url\()?#([^)]+)\)?$")
_COLOUR = re.compile("|".join(PROPERTIES))


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a plot shows, in words, for those who do not see it."""

    title: str
    description: str


def fit_for_page(svg: bytes, key: str, drawing: Drawing) -> str:
    """The drawing as one `<svg>` element that a strict Content-Security-Policy lets pass.

    Style attributes become presentation attributes, which such a policy does not forbid; ids that nothing points
    at go, and the others begin with `key`.
    """
    root = etree.fromstring(svg, etree.XMLParser(resolve_entities=False, no_network=True))
    for element in [*root.iter(f"{_SVG}metadata"), *root.iter(f"{_SVG}style")]:
        element.getparent().remove(element)
    for element in root.iter(etree.Element):
        _unstyle(element)
    _rename(root, key)
    _describe(root, key, drawing)
    etree.cleanup_namespaces(root)
    for element in root.iter(etree.Element):
        element.tail = None
        if element.tag != f"{_SVG}text" and element.text and not element.text.strip():
            element.text = None
        if path := element.get("d"):
            element.set("d", " ".join(path.split()))
    text: str = etree.tostring(root, encoding="unicode")
    return text


def _unstyle(element: Any) -> None:
    for declaration in element.attrib.pop("style", "").split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name and name != "font-family":
            element.set(name, _COLOUR.sub(lambda found: f"var({PROPERTIES[found[0]]}, {found[0]})", value))
    if (turned := element.get("transform", "")).startswith("rotate(-0 "):
        del element.attrib["transform"]
    elif element.tag == f"{_SVG}text" and not turned:
        element.attrib.pop("transform", None)


def _rename(root: Any, key: str) -> None:
    used = set()
    for element in root.iter(etree.Element):
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
        for name, value in element.attrib.items():
            if name != "id" and (found := _POINTED_AT.match(value)):
                used.add(found[1])
                element.set(name, value.replace(f"#{found[1]}", f"#{key}-{found[1]}"))
    for element in root.iter(etree.Element):
        if (own := element.attrib.pop("id", None)) in used:
            element.set("id", f"{key}-{own}")


def _describe(root: Any, key: str, drawing: Drawing) -> None:
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    width, height = root.get("viewBox").split()[2:]
    root.set("width", width)
    root.set("height", height)
    root.set("role", "img")
    root.set("aria-labelledby", f"{key}-title {key}-desc")
    root.set("stroke-linejoin", "round")
    for place, (name, text) in enumerate((("title", drawing.title), ("desc", drawing.description))):
        element = etree.Element(f"{_SVG}{name}")
        element.set("id", f"{key}-{name}")
        element.text = text
        root.insert(place, element)
