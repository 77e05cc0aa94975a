"""Questions that a model has made, kept as they come: the next try goes on from there."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter, ValidationError

from tandem.errors import ConflictError, StorageError


@dataclass(frozen=True, slots=True)
class Origin:
    """What made the questions: those of another corpus, model or prompt are other questions."""

    corpus: str
    model: str
    prompt: str
    """First digits of the prompt's hash."""


@dataclass(frozen=True, slots=True)
class Made:
    """What the model wrote of one chunk; empty where it was no question with an answer."""

    chunk: str
    question: str
    answer: str


_origin = TypeAdapter(Origin)
_made = TypeAdapter(Made)


class GeneratedFile:
    """An open file: its first line tells the origin, each other is a `Made`."""

    def __init__(self, path: Path, origin: Origin) -> None:
        """Raises `ConflictError` for a file of another origin, `StorageError` where it cannot be written."""
        self.made: dict[str, Made] = {}
        """By the chunk's id."""
        lines = path.read_bytes().splitlines() if path.exists() else []
        try:
            if lines and _origin.validate_json(lines[0]) != origin:
                raise ConflictError(
                    f"{path} holds questions of another corpus, model or prompt",
                    hint="Remove it, or name another --out.",
                )
            for line in lines[1:]:
                one = _made.validate_json(line)
                self.made[one.chunk] = one
        except ValidationError as error:
            # An interrupted write leaves half a line at the end, and no more than that.
            if len(self.made) + 2 < len(lines):
                raise ConflictError(f"{path} is no file of made questions", hint="Remove it.") from error
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = [asdict(origin), *map(asdict, self.made.values())]
            fresh = path.with_name(f"{path.name}.new")
            fresh.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in whole), "utf-8")
            fresh.replace(path)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def keep(self, one: Made) -> None:
        """Write it down at once."""
        self.made[one.chunk] = one
        self._file.write(json.dumps(asdict(one), ensure_ascii=False) + "\n")
        self._file.flush()
