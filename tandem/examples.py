"""Few-shot examples: questions with the answers that a model should give, kept as a file of JSON lines."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tandem.errors import SettingsError


class Example(BaseModel):
    """One line of the file: a question, its answer, and the texts that the answer stands on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    question: str = Field(min_length=1)
    answer: str = Field(min_length=1)
    passages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FewShot:
    """How a recipe shows examples: which set, how many at most, and how they are picked."""

    examples: str
    """Digest of the set, so that other examples make another recipe."""
    shown: int
    picked: Literal["static", "similar"]


def read_examples(file: Path) -> tuple[Example, ...]:
    """The examples of a file, in its order. Raises `SettingsError`, naming the line that cannot be read."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"answer.examples: {error}", param="answer.examples") from error
    examples = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            examples.append(Example.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(
                f"answer.examples: line {number} of {file}: {'.'.join(map(str, first['loc']))} {first['msg']}",
                param="answer.examples",
                hint='A line is {"question": ..., "answer": ..., "passages": [...]}; passages may be left out.',
            ) from error
    return tuple(examples)


def digest_of(examples: tuple[Example, ...]) -> str:
    """First 12 hex digits of the SHA-256 over the examples."""
    text = json.dumps([example.model_dump() for example in examples], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:12]
