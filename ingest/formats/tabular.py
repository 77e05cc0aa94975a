"""CSV and TSV: one Markdown table."""

import csv
import io

from ingest.formats.reading import Options, Pen, Reading

_LONGEST_FIELD = 10_000_000
_SAMPLE = 64_000
_DELIMITERS = ",;\t|"


def read_csv(content: bytes, _: Options) -> Reading:
    """The rows as a table; commas, semicolons, tabs and bars are told apart by the first lines."""
    text = content.decode()
    return _read(text, _delimiter(text[:_SAMPLE]))


def read_tsv(content: bytes, _: Options) -> Reading:
    """The rows as a table."""
    return _read(content.decode(), "\t")


def _read(text: str, delimiter: str) -> Reading:
    csv.field_size_limit(_LONGEST_FIELD)
    pen = Pen()
    pen.table(row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row))
    return pen.reading()


def _delimiter(sample: str) -> str:
    """The one that stands equally often in the first lines; of several, the most frequent."""
    lines = [line for line in sample.splitlines()[:20] if line.strip()] or [""]

    def merit(delimiter: str) -> tuple[bool, int]:
        counts = [line.count(delimiter) for line in lines[:-1] or lines]
        return min(counts) > 0 and len(set(counts)) == 1, min(counts)

    return max(_DELIMITERS, key=merit)
