"""JSON and JSON Lines as text that can be read: a line for each value, with the path of its keys."""

import json
from collections.abc import Iterator
from typing import Any

from ingest.formats.reading import Options, Pen, Reading, cleaned

_DEEPEST = 100
_TITLES = ("title", "name")
_NOT_JSON = "is not valid JSON and was read as plain text"


def read_json(content: bytes, _: Options) -> Reading:
    """One line for each value: `address.city: Dover`.

    Records (the objects of an outermost list) are paragraphs. What is not JSON is kept as it stands.
    """
    text = content.decode()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Reading(cleaned(text), warnings=[_NOT_JSON])
    pen = Pen()
    for record in document if isinstance(document, list) else [document]:
        pen.paragraph("\n".join(_lines(record)))
    title = None
    if isinstance(document, dict):
        title = next((document[key] for key in _TITLES if isinstance(document.get(key), str)), None)
    return pen.reading(title)


def read_jsonl(content: bytes, _: Options) -> Reading:
    """One paragraph for each record."""
    pen = Pen()
    broken = 0
    for line in content.decode().split("\n"):
        try:
            pen.paragraph("\n".join(_lines(json.loads(line))) if line.strip() else "")
        except (ValueError, RecursionError):
            broken += 1
            pen.paragraph(line)
    reading = pen.reading()
    if broken:
        reading.warnings.append(f"{broken} lines are not valid JSON and were read as plain text")
    return reading


def _lines(value: Any, path: str = "", depth: int = 0) -> Iterator[str]:
    if isinstance(value, dict) and value and depth < _DEEPEST:
        for key, inner in value.items():
            yield from _lines(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and value and depth < _DEEPEST:
        if all(not isinstance(inner, dict | list) for inner in value):
            yield _line(path, ", ".join(map(_shown, value)))
        else:
            for number, inner in enumerate(value, 1):
                yield from _lines(inner, f"{path}[{number}]", depth + 1)
    elif value not in (None, "", {}, []):
        yield _line(path, _shown(value))


def _line(path: str, shown: str) -> str:
    return f"{path}: {shown}" if path else shown


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
