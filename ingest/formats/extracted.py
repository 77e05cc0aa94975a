"""What kreuzberg reads: sheets, e-books, OpenDocument, RTF, and office files of the old kind."""

import re

from ingest.formats.reading import Options, Reading, of_markdown
from ingest.sniffing import MediaType

_ESCAPE = re.compile(r"(?m)^([ \t]*\\)|\\([\\&<>_*\[\](){}#!~`.+\-])")
_MIDNIGHT = re.compile(r"(?<=\| )(\d{4}-\d\d-\d\d) 00:00:00 \|")
"""How a cell with a date and no time comes."""

_FENCE = re.compile(r"(?m)^(```.*?^```)[ \t]*$", re.DOTALL)


def read(media_type: MediaType, content: bytes, _: Options) -> Reading:
    """The file as Markdown: sheets become headings, tables stay tables."""
    import kreuzberg

    config = kreuzberg.ExtractionConfig(use_cache=False, disable_ocr=True, output_format="markdown")
    result = kreuzberg.extract_bytes_sync(content, media_type.value, config=config)
    title = result.metadata.get("title")
    return of_markdown(
        _MIDNIGHT.sub(r"\1 |", plain(result.content)), title if isinstance(title, str) else None
    )


def plain(markdown: str) -> str:
    """Without the escapes that kreuzberg puts everywhere, so that `R\\&D` can be found as `R&D`.

    At a line's start they stay, where they keep text from being a heading; so does `\\|` in tables.
    """
    parts = _FENCE.split(markdown)
    parts[::2] = [_ESCAPE.sub(lambda found: found[1] or found[2], part) for part in parts[::2]]
    return "".join(parts)
