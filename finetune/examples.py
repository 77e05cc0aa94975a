"""What a model learns from: a prompt as serving assembles it, and the answer that is wanted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from tandem.errors import InvalidRequestError
from tandem.prompts import Message


class Kind(StrEnum):
    """What an example teaches."""

    GROUNDED = "grounded"
    """To answer from passages, one of which holds the answer, with a mark `[n]`."""
    UNANSWERABLE = "unanswerable"
    """To say "I don't know." of passages none of which holds the answer."""
    CLOSED = "closed"
    """To answer without passages."""


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One prompt with the answer that is wanted of it."""

    id: str
    kind: Kind
    messages: tuple[Message, ...]
    """All but the answer, in the roles of a chat; the model's chat template is applied when it is trained."""
    answer: str
    """What the model is to write, to its last letter and without an end-of-turn token."""
    question: str
    references: tuple[str, ...]
    """Right answers as people wrote them, without marks; none for what cannot be answered."""
    documents: tuple[str, ...]
    """Addresses of the documents that hold the answer: a split never parts them."""
    passages: tuple[str, ...] = field(default=())
    """Ids of the chunks in the prompt, in the order of their numbers."""
    elsewhere: bool = False
    """Whether another document answers the question, too."""


_line = TypeAdapter(TrainingExample)


def write_examples(file: Path, examples: Iterable[TrainingExample]) -> None:
    """One JSON object a line."""
    with file.open("wb") as out:
        for example in examples:
            # Written only where it says something: a set that does not use it keeps its hash.
            unused = None if example.elsewhere else {"elsewhere"}
            out.write(_line.dump_json(example, exclude=unused) + b"\n")


def read_examples(file: Path) -> Iterator[TrainingExample]:
    """What `write_examples` wrote. Raises `InvalidRequestError`, which names the line, for anything else."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InvalidRequestError(
            f"{file} cannot be read: {error.strerror}", hint="Make a set with `tandem finetune dataset`."
        ) from error
    for number, line in enumerate(lines, start=1):
        try:
            yield _line.validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidRequestError(
                f"{file}, line {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}",
                hint="Make a set with `tandem finetune dataset`.",
            ) from error
