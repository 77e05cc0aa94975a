"""Office packages: zip files of XML parts, read with a limit on each part and without a document type."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ingest.formats.reading import UnreadableError

_LARGEST_PART = 128 * 1024**2
"""Bytes of one part when it is unpacked. A thousand pages of text have about 20 MB."""

_MOST_ELEMENTS = 2_000_000
"""Of one part; a thousand pages have half a million."""

_DEEPEST = 1_000
"""Elements within elements. A table in a table in a table has about twenty."""


@contextmanager
def opened(content: bytes) -> Iterator[zipfile.ZipFile]:
    """The package; whatever the zip library stumbles over becomes `UnreadableError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            yield package
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        EOFError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:
        raise UnreadableError("broken", str(error)) from error


def part(package: zipfile.ZipFile, name: str) -> Element | None:
    """The tree of one part, `None` if there is none of that name."""
    try:
        member = package.getinfo(name)
    except KeyError:
        return None
    if member.flag_bits & 1:
        raise UnreadableError("locked")
    if member.file_size > _LARGEST_PART:
        raise UnreadableError("bomb")
    with package.open(member) as stream:
        # The size that the directory states may be a lie, so one byte more is asked for.
        xml = stream.read(_LARGEST_PART + 1)
    if len(xml) > _LARGEST_PART:
        raise UnreadableError("bomb")
    return tree(xml)


def tree(xml: bytes) -> Element:
    """Parse XML. A document type is refused: with it come entities that grow and files that are fetched."""
    builder = TreeBuilder()
    depth = seen = 0
    parser = expat.ParserCreate(namespace_separator="}")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, seen
        depth += 1
        seen += 1
        if depth > _DEEPEST:
            raise UnreadableError("deep")
        if seen > _MOST_ELEMENTS:
            raise UnreadableError("bomb")
        builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_named(name))

    def refuse(*_: object) -> None:
        raise UnreadableError("document type")

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise UnreadableError("broken", str(error)) from error
    return builder.close()


def title(package: zipfile.ZipFile) -> str | None:
    """The title among the properties of an office file."""
    core = part(package, "docProps/core.xml")
    for element in core if core is not None else ():
        if local(element.tag) == "title" and (element.text or "").strip():
            return element.text
    return None


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def attribute(element: Element, name: str) -> str | None:
    """The attribute of that local name, in whatever namespace."""
    return next((value for key, value in element.items() if local(key) == name), None)


def _named(name: str) -> str:
    return "{" + name if "}" in name else name
