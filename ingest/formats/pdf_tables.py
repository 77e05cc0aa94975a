"""Tables on a page of a PDF: those whose cells are ruled, and those whose columns stand apart.

A PDF knows no tables, only letters and lines with their places, in points from the lower left corner.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfPage, PdfTextPage

_THIN = 2.5
"""Points; what is drawn thinner is a rule."""

_SAME = 3.0
"""Points between two rules, or two edges, that count as one."""

_MOST_RULES = 4_000
_MOST_CELLS = 4_000
_MOST_LINES = 2_000
_MOST_BOXES = 200
"""Runs of letters in one line; more is a drawing made of letters."""

_GAP = 1.2
"""Times the height of letters between two cells; spaces in justified prose are narrower."""

_FEWEST_ROWS = 3
_LONGEST_CELL = {2: 30, 3: 45}
"""Characters on average, by the number of columns; longer ones are columns of prose."""

_LEAST_FILLED = 0.5
_LEAST_FOUND = 0.9
"""Share of the letters on the lines that a table replaces which must stand in its cells."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text as PDFium reads it, and the boxes of its runs of letters, joined to cells."""

    text: str
    cells: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a table, and the numbers of the lines that it replaces."""

    rows: list[list[str]]
    lines: frozenset[int]


def lines_of(page: "PdfTextPage") -> list[Line]:
    """The lines of a page, in reading order. Where places cannot be told, lines have no cells."""
    text = page.get_text_range()
    pieces = text.split("\r\n")
    placed = len(text) == page.count_chars() and len(pieces) <= _MOST_LINES
    lines = []
    start = 0
    for piece in pieces:
        lines.append(Line(piece, _cells(page, start, len(piece)) if placed and piece.strip() else ()))
        start += len(piece) + 2
    return lines


def _cells(page: "PdfTextPage", start: int, length: int) -> tuple[Box, ...]:
    count = page.count_rects(start, length)
    if count > _MOST_BOXES:
        return ()
    boxes = sorted(page.get_rect(number) for number in range(count))
    cells: list[Box] = []
    for box in boxes:
        last = cells[-1] if cells else None
        if last and box[0] - last[2] < _GAP * max(box[3] - box[1], last[3] - last[1], 1.0):
            cells[-1] = (
                min(last[0], box[0]),
                min(last[1], box[1]),
                max(last[2], box[2]),
                max(last[3], box[3]),
            )
        else:
            cells.append(box)
    return tuple(cells)


def ruled_tables(page: "PdfPage", text_page: "PdfTextPage", lines: Sequence[Line]) -> list[Table]:
    """Tables whose cells are divided by rules, or drawn as boxes."""
    across, upright = _rules(page)
    tables = []
    for bottom, top in _bands([(rule[1], rule[3]) for rule in upright]):
        columns = _levels([r[0] for r in upright if bottom - _SAME <= r[1] and r[3] <= top + _SAME])
        if len(columns) < 3:
            continue
        left, right = columns[0], columns[-1]
        rows = _levels(
            [
                r[1]
                for r in across
                if bottom - _SAME <= r[1] <= top + _SAME and r[2] > left + _SAME and r[0] < right - _SAME
            ]
        )
        if len(rows) < 3 or len(rows) * len(columns) > _MOST_CELLS:
            continue
        cells = [
            [text_page.get_text_bounded(x0, y0, x1, y1) for x0, x1 in pairwise(columns)]
            for y0, y1 in reversed(list(pairwise(rows)))
        ]
        box = (left - _SAME, rows[0] - _SAME, right + _SAME, rows[-1] + _SAME)
        within = [n for n, line in enumerate(lines) if line.cells and all(_in(c, box) for c in line.cells)]
        table = _checked(cells, within, lines)
        if table is not None:
            tables.append(table)
    return tables


def aligned_tables(page: "PdfTextPage", lines: Sequence[Line], ruled: Sequence[Table]) -> list[Table]:
    """Tables without rules: lines that follow each other, with their cells below each other."""
    gone = {number for table in ruled for number in table.lines}
    tables: list[Table] = []
    run: list[int] = []
    columns: list[tuple[float, float]] = []
    for number, line in enumerate([*lines, Line("", ())]):
        fitting = _fitted(columns, line.cells) if number not in gone and len(line.cells) > 1 else None
        if fitting is not None:
            run.append(number)
            columns = fitting
            continue
        table = _aligned(page, lines, run, columns)
        if table is not None:
            tables.append(table)
        run, columns = [], []
        if number not in gone and len(line.cells) > 1:
            run, columns = [number], [(cell[0], cell[2]) for cell in line.cells]
    return tables


def _fitted(columns: list[tuple[float, float]], cells: Sequence[Box]) -> list[tuple[float, float]] | None:
    """The columns widened by a line, or `None` if the line does not stand in these columns."""
    if not columns:
        return [(cell[0], cell[2]) for cell in cells]
    spans = list(columns)
    taken = set()
    for cell in cells:
        over = [n for n, (left, right) in enumerate(spans) if cell[0] <= right and cell[2] >= left]
        if len(over) > 1 or (over and over[0] in taken):
            return None
        if over:
            left, right = spans[over[0]]
            spans[over[0]] = (min(left, cell[0]), max(right, cell[2]))
            taken.add(over[0])
        else:
            spans.append((cell[0], cell[2]))
            taken.add(len(spans) - 1)
    spans.sort()
    return spans if all(one[1] < two[0] for one, two in pairwise(spans)) else None


def _aligned(
    page: "PdfTextPage", lines: Sequence[Line], run: list[int], columns: list[tuple[float, float]]
) -> Table | None:
    if len(run) < _FEWEST_ROWS:
        return None
    rows = []
    for number in run:
        row = [""] * len(columns)
        for left, bottom, right, top in lines[number].cells:
            place = next(n for n, (x0, x1) in enumerate(columns) if x0 <= left <= x1)
            row[place] = page.get_text_bounded(left - 1, bottom - 1, right + 1, top + 1)
        rows.append(row)
    filled = [cell for row in rows for cell in row if cell.strip()]
    longest = _LONGEST_CELL.get(len(columns), _LONGEST_CELL[3])
    if sum(map(len, filled)) > longest * len(filled):
        return None
    return _checked(rows, run, lines)


def _checked(rows: list[list[str]], within: Sequence[int], lines: Sequence[Line]) -> Table | None:
    """A table, if it is filled and nothing of the lines that it replaces is lost."""
    cells = [cell for row in rows for cell in row]
    if not within or sum(bool(cell.strip()) for cell in cells) < _LEAST_FILLED * len(cells):
        return None
    found = sum(len("".join(cell.split())) for cell in cells)
    replaced = sum(len("".join(lines[number].text.split())) for number in within)
    return Table(rows, frozenset(within)) if found >= _LEAST_FOUND * replaced else None


def _rules(page: "PdfPage") -> tuple[list[Box], list[Box]]:
    """Rules that lie and rules that stand; a box has two of each."""
    from pypdfium2.raw import FPDF_PAGEOBJ_PATH

    across: list[Box] = []
    upright: list[Box] = []
    for number, drawn in enumerate(page.get_objects(filter=[FPDF_PAGEOBJ_PATH], max_depth=2)):
        if number >= _MOST_RULES:
            return [], []
        x0, y0, x1, y1 = drawn.get_bounds()
        if y1 - y0 <= _THIN < x1 - x0:
            across.append((x0, (y0 + y1) / 2, x1, (y0 + y1) / 2))
        elif x1 - x0 <= _THIN < y1 - y0:
            upright.append(((x0 + x1) / 2, y0, (x0 + x1) / 2, y1))
        elif x1 - x0 > _THIN:
            across += [(x0, y0, x1, y0), (x0, y1, x1, y1)]
            upright += [(x0, y0, x0, y1), (x1, y0, x1, y1)]
    return across, upright


def _bands(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The stretches of a page's height that are covered by spans."""
    bands: list[tuple[float, float]] = []
    for bottom, top in sorted(spans):
        if bands and bottom <= bands[-1][1] + _SAME:
            bands[-1] = (bands[-1][0], max(bands[-1][1], top))
        else:
            bands.append((bottom, top))
    return bands


def _levels(places: list[float]) -> list[float]:
    """Places in order, those that are nearly the same as one."""
    levels: list[float] = []
    for place in sorted(places):
        if not levels or place - levels[-1] > _SAME:
            levels.append(place)
    return levels


def _in(cell: Box, box: Box) -> bool:
    return box[0] <= (cell[0] + cell[2]) / 2 <= box[2] and box[1] <= (cell[1] + cell[3]) / 2 <= box[3]
