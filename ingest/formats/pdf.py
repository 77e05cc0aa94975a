"""PDF, read by PDFium: the text of each page with its tables in place, and headings from its outline.

kreuzberg has the same PDFium inside, but finds tables in plain prose and misses those with rules.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.formats.images import recognised
from ingest.formats.pdf_tables import Line, Table, aligned_tables, lines_of, ruled_tables
from ingest.formats.reading import Options, Reading, UnreadableError, cleaned, markdown_table
from tandem.vocabulary import Block, BlockKind, Heading, Page

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage

_BREAK = "\n\n"
_MOST_PAGES = 20_000
_MOST_HEADINGS = 5_000
_NO_TITLES = frozenset({"(anonymous)", "untitled", "(unspecified)"})
_DOTS_PER_POINT = 200 / 72
_MOST_PIXELS = 12_000_000


def read(content: bytes, options: Options) -> Reading:
    """Every page, in order; one without text is recognised if `options.ocr` is on, and else left blank."""
    from pypdfium2 import PdfDocument, PdfiumError

    try:
        document = PdfDocument(content)
        if len(document) > _MOST_PAGES:
            raise UnreadableError("pages")
        return _Writer(document, options).reading()
    except PdfiumError as error:
        raise UnreadableError("locked" if "password" in str(error).lower() else "broken") from error


class _Writer:
    """Puts the pages of one document one after another."""

    def __init__(self, document: "PdfDocument", options: Options) -> None:
        self._document = document
        self._options = options
        self._parts: list[str] = []
        self._pages: list[Page] = []
        self._blocks: list[Block] = []
        self._end = 0

    def reading(self) -> Reading:
        broken = 0
        for number in range(1, len(self._document) + 1):
            text, tables = self._page(number)
            if text is None:
                broken += 1
            self._append(number, text or "", tables)
        if broken == len(self._document):
            raise UnreadableError("broken")
        text = "".join(self._parts)
        title = self._document.get_metadata_dict().get("Title", "")
        reading = Reading(
            text, None if title.strip().lower() in _NO_TITLES else title, self._pages, blocks=self._blocks
        )
        reading.headings = list(self._headings(text))
        if broken:
            reading.warnings.append(f"{broken} of {len(self._pages)} pages are broken and cannot be read")
        return reading

    def _append(self, number: int, text: str, tables: list[tuple[int, int]]) -> None:
        start = self._end
        if text:
            if self._end:
                self._parts.append(_BREAK)
                start += len(_BREAK)
            self._parts.append(text)
            self._end = start + len(text)
            if self._end > self._options.max_chars:
                raise UnreadableError("long")
        self._blocks += [Block(BlockKind.TABLE, start + first, start + last) for first, last in tables]
        self._pages.append(Page(number, start, self._end))

    def _page(self, number: int) -> tuple[str | None, list[tuple[int, int]]]:
        """The text of a page and the places of its tables; no text at all for one that is broken."""
        from pypdfium2 import PdfiumError

        try:
            page = self._document[number - 1]
        except PdfiumError:
            return None, []
        try:
            text_page = page.get_textpage()
            lines = lines_of(text_page)
            tables = ruled_tables(page, text_page, lines)
            tables += aligned_tables(text_page, lines, tables)
            text, places = _joined(lines, tables)
            if not text and self._options.ocr:
                text = self._recognised(page)
        except PdfiumError:
            return None, []
        else:
            return text, places
        finally:
            page.close()

    def _recognised(self, page: "PdfPage") -> str:
        """The text of a page that is a picture."""
        width, height = page.get_size()
        scale = min(_DOTS_PER_POINT, (_MOST_PIXELS / max(1.0, width * height)) ** 0.5)
        return recognised(page.render(scale=scale, grayscale=True).to_pil(), self._options.languages)

    def _headings(self, text: str) -> Iterator[Heading]:
        """The entries of the outline whose words begin a line of the page that they lead to."""
        at = 0
        for count, entry in enumerate(self._document.get_toc(max_depth=6)):
            destination = entry.get_dest()
            place = destination.get_index() if destination else None
            title = " ".join(cleaned(entry.get_title()).split())
            if count >= _MOST_HEADINGS or place is None or not 0 <= place < len(self._pages) or not title:
                continue
            page = self._pages[place]
            start = _line_that_begins(text, title, max(at, page.start), page.end)
            if start is not None:
                at = start + 1
                yield Heading(min(6, entry.level + 1), title, start)


def _line_that_begins(text: str, title: str, start: int, end: int) -> int | None:
    while (found := text.find(title, start, end)) >= 0:
        if found == 0 or text[found - 1] == "\n":
            return found
        start = found + 1
    return None


def _joined(lines: list[Line], tables: list[Table]) -> tuple[str, list[tuple[int, int]]]:
    """The lines with each table in the place of its own, and where the tables stand."""
    at = {min(table.lines): table for table in tables}
    gone = {number for table in tables for number in table.lines}
    pieces: list[str] = []
    prose: list[str] = []
    drawn: list[int] = []
    for number, line in enumerate(lines):
        if number in at:
            pieces.append(cleaned("\n".join(prose)))
            prose.clear()
            drawn.append(len(pieces))
            pieces.append(cleaned(markdown_table(at[number].rows)))
        elif number not in gone:
            prose.append(line.text)
    pieces.append(cleaned("\n".join(prose)))
    places: list[tuple[int, int]] = []
    start = 0
    for number, piece in enumerate(pieces):
        if piece and number in drawn:
            places.append((start, start + len(piece)))
        start += len(piece) + len(_BREAK) if piece else 0
    return _BREAK.join(filter(None, pieces)), places
