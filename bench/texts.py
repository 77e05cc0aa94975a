"""Real documents as files, for benchmarks that ingest."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_lines(file: Path) -> list[Any]:
    """The records of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]


def write_files(documents: Sequence[Any], folder: Path) -> None:
    """One text file a document, its title in the first line."""
    folder.mkdir(parents=True)
    for number, document in enumerate(documents):
        (folder / f"{number:05}.txt").write_text(
            f"{document['title']}\n\n{document['text']}", encoding="utf-8"
        )
