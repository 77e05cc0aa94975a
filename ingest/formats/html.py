"""Pages of HTML: their main content as Markdown, without menus, banners, footers and scripts.

What goes is what says by its element, role or class that it is not the content, and groups of links
outside of the content. Whatever holds a large share of the page's words stays, whatever it is called.
"""

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.formats.reading import Options, Reading, UnreadableError, of_markdown

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_TITLE = re.compile(r"<title\b[^>]{0,200}>([^<]{0,2000})", re.IGNORECASE)
_NEVER = (
    "//script|//style|//noscript|//template|//iframe|//svg|//canvas|//object|//embed|//audio|//video|//map"
)
_CONTROLS = "//button|//select|//input|//textarea|//dialog|//datalist"
_FURNITURE = (
    "//nav|//aside|//*[@role='navigation' or @role='banner' or @role='contentinfo' or @role='search'"
    " or @role='complementary' or @role='dialog' or @role='alertdialog' or @role='menu' or @role='menubar']"
    "|//footer[not(ancestor::article or ancestor::main)]|//header[not(ancestor::article or ancestor::main)]"
)
_WORDS = re.compile(r"[a-z]+")
_FOREIGN_WORDS = frozenset(
    _WORDS.findall(
        "cookie cookies consent gdpr breadcrumb breadcrumbs sidebar navbar nav navigation menu topbar footer share"
        " sharing social related recommended recommendations newsletter signup subscribe comments disqus promo"
        " advert advertisement ads popup modal toc pagination pager skip masthead editsection printfooter"
        " copyright headerlink"
    )
)
_KEPT = frozenset(
    {"html", "body", "main", "article", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr", "td"}
)
_OUTSIDE = "[not(ancestor::main or ancestor::article)]"
_GROUPS = "|".join(f"//{name}{_OUTSIDE}" for name in ("ul", "ol", "div", "section", "p"))
_MOST_SHARE = 0.4
"""Of the page's words; what holds more is not furniture."""

_LINKED = 0.75
_FEWEST_LINKS = 2
_LEAST_SHARE = 0.3
"""Of the words outside of links that must be left, else the whole page is taken."""

_LONG_TAG = re.compile(r"<[a-zA-Z][^<>]{20000,}")
_MOST_ATTRIBUTES = 5_000
"""The time that lxml takes for a tag grows with the square of their number."""

_MAIN = "//main|//*[@role='main']|//article"
_MAIN_SHARE = 0.5


def read(content: bytes, _: Options) -> Reading:
    """A page that comes as UTF-8."""
    page = content.decode()
    found = _TITLE.search(page)
    reading = main_content(page)
    reading.title = html.unescape(found[1]) if found else None
    return reading


def main_content(page: str) -> Reading:
    """The main content; the whole page where little would be left."""
    from lxml import etree

    if any(tag[0].count("=") > _MOST_ATTRIBUTES for tag in _LONG_TAG.finditer(page)):
        raise UnreadableError("broken", "a tag of too many attributes")
    try:
        whole = _tree(page)
    except (etree.LxmlError, ValueError, AssertionError):
        return of_markdown(_markdown(page))
    _drop(whole, _NEVER)
    words = _unlinked(whole)
    chosen = _main(_without_furniture(_tree(page)))
    if _unlinked(chosen) < _LEAST_SHARE * words:
        chosen = whole
    reading = _written(chosen)
    return reading if reading.text or chosen is whole else _written(whole)


def _tree(page: str) -> "HtmlElement":
    """The page as a tree. Raises `ValueError` where it is too deep, as the parser then leaves out the rest."""
    from lxml import html as lxml_html

    # As bytes: lxml refuses a text that declares an encoding.
    parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    tree = lxml_html.document_fromstring(page.encode("utf-8", "replace"), parser=parser)
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise ValueError("too deep")
    return tree


@dataclass(slots=True)
class _Weight:
    """What an element holds, itself included."""

    words: int = 0
    linked: int = 0
    """Words in links."""
    links: int = 0
    main: bool = False
    """Whether there is a main heading, or what calls itself the content."""


def _weights(tree: "HtmlElement") -> dict["HtmlElement", _Weight]:
    """Of every element, in one pass from the leaves up."""
    weights: dict[HtmlElement, _Weight] = {}
    for element in reversed(list(tree.iter())):
        weight = _Weight(words=len((element.text or "").split()))
        for child in element:
            inner = weights[child]
            weight.words += inner.words + len((child.tail or "").split())
            weight.linked += inner.linked
            weight.links += inner.links
            weight.main |= inner.main
        if element.tag == "a":
            weight.linked, weight.links = weight.words, 1
        weight.main |= element.tag in ("h1", "main", "article")
        weights[element] = weight
    return weights


def _without_furniture(tree: "HtmlElement") -> "HtmlElement":
    _drop(tree, _NEVER)
    _drop(tree, _CONTROLS)
    weights = _weights(tree)
    most = _MOST_SHARE * weights[tree].words

    def drop(element: "HtmlElement") -> None:
        weight = weights[element]
        if element.getparent() is not None and not weight.main and weight.words <= most:
            element.drop_tree()

    for element in tree.xpath(_FURNITURE):
        drop(element)
    for element in tree.xpath("//*[@class or @id]"):
        named = set(_WORDS.findall(f"{element.get('class', '')} {element.get('id', '')}".lower()))
        if named & _FOREIGN_WORDS and element.tag not in _KEPT:
            drop(element)
    for element in tree.xpath(_GROUPS):
        weight = weights[element]
        if weight.links >= _FEWEST_LINKS and weight.linked >= _LINKED * weight.words and not weight.main:
            element.drop_tree()
    return tree


def _main(tree: "HtmlElement") -> "HtmlElement":
    """The element that says that it is the content, if there is one and it holds most of it."""
    candidates = tree.xpath(_MAIN)
    if candidates:
        largest = max(candidates, key=_length)
        if _length(largest) >= _MAIN_SHARE * _length(tree):
            return largest
    return tree


def _written(tree: "HtmlElement") -> Reading:
    from lxml import etree

    for image in tree.xpath(".//img"):
        image.tail = f" {image.get('alt') or ''} {image.tail or ''}"
        image.drop_tree()
    for link in tree.xpath(".//a"):
        # An address within the site says nothing outside of it.
        if not (link.get("href") or "").startswith(("http://", "https://")):
            link.drop_tag()
    for head in tree.xpath(".//head"):
        head.drop_tree()
    return of_markdown(_markdown(etree.tostring(tree, encoding="unicode", method="html", with_tail=False)))


def _markdown(page: str) -> str:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,
        output_format="markdown",
        html_options={"extract_metadata": False, "preprocessing": {"enabled": False}},
    )
    # It would take a title from what looks like a head, and set it above the text.
    bare = re.sub(r"(?i)</?(?:head|title|meta)\b[^>]*>", "", page)
    return str(kreuzberg.extract_bytes_sync(bare.encode(), "text/html", config=config).content)


def _drop(tree: "HtmlElement", path: str) -> None:
    for element in tree.xpath(path):
        if element.getparent() is not None:
            element.drop_tree()


def _length(element: "HtmlElement") -> int:
    return len("".join(element.itertext()).split())


def _unlinked(element: "HtmlElement") -> int:
    """The number of words outside of links."""
    return _length(element) - sum(_length(link) for link in element.xpath(".//a"))
