"""Answers that people have judged, to judge a judge by."""

from collections import defaultdict
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.case import EvalCase
from eval.reply import FoundPassage, Reply
from tandem.errors import InvalidRequestError

Label = Literal["faithful", "correct", "relevant"]
LABELS: tuple[Label, ...] = ("faithful", "correct", "relevant")

_FORM = (
    'A line is {"id": ..., "question": ..., "passages": [...], "answer": ..., "reference": ..., '
    '"faithful": true, "correct": false, "relevant": true}; a label that is left out is not asked about.'
)


class LabelledCase(BaseModel):
    """An answer with what people say of it. `None`: nobody has said, or it cannot be said."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str = Field(min_length=1)
    topic: str = ""
    kind: str = ""
    """What is special about the answer, such as `negation` or `padded`."""
    question: str = Field(min_length=1)
    passages: tuple[str, ...] = Field(min_length=1)
    answer: str = Field(min_length=1)
    reference: str = ""
    faithful: bool | None = None
    """Every claim of the answer follows from the passages."""
    correct: bool | None = None
    """It agrees with the reference: says what that says, and nothing against it."""
    relevant: bool | None = None
    """It answers the question that was asked, rightly or wrongly."""

    @property
    def group(self) -> str:
        """Cases of one question and its passages are drawn together: what makes one hard makes all hard."""
        return sha256("\x00".join((self.question, *self.passages)).encode()).hexdigest()[:16]

    @property
    def good(self) -> bool:
        """Whether nobody has said anything against it, and somebody has called it right."""
        return bool(self.correct) and self.faithful is not False and self.relevant is not False

    def as_case(self) -> EvalCase:
        """The question, as measures take it."""
        references = (self.reference,) if self.reference else ()
        return EvalCase(id=self.id, question=self.question, references=references)

    def as_reply(self) -> Reply:
        """The answer, as measures take it."""
        passages = tuple(
            FoundPassage(
                id=f"{self.id}:{n}",
                document_id="",
                uri="",
                text=text,
                score=0,
                start=0,
                end=len(text),
                in_prompt=True,
            )
            for n, text in enumerate(self.passages)
        )
        return Reply(
            arm="labelled",
            recipe_version="",
            case=self.id,
            question=self.question,
            text=self.answer,
            passages=passages,
        )


def bundled_cases() -> list[LabelledCase]:
    """The set that comes with Tandem."""
    text = files("eval.judging").joinpath("labelled.jsonl").read_text("utf-8")
    return _parsed(text, "the bundled set")


def read_labelled(file: Path) -> list[LabelledCase]:
    """A user's own cases. Raises `InvalidRequestError`, naming the line that cannot be read."""
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="labels") from error
    cases = _parsed(text, str(file))
    if not cases:
        raise InvalidRequestError(f"{file} holds no case", param="labels", hint=_FORM)
    return cases


def groups_of(cases: Sequence[LabelledCase]) -> list[list[LabelledCase]]:
    """The answers to one question each, in the order in which the questions come first."""
    by_group: dict[str, list[LabelledCase]] = defaultdict(list)
    for case in cases:
        by_group[case.group].append(case)
    return list(by_group.values())


def hash_of(cases: Sequence[LabelledCase]) -> str:
    """SHA-256 over all that the cases say, in their order."""
    return sha256("\n".join(case.model_dump_json() for case in cases).encode()).hexdigest()


def _parsed(text: str, name: str) -> list[LabelledCase]:
    cases: dict[str, LabelledCase] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            case = LabelledCase.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            said = f"{place}: {first['msg']}" if place else first["msg"]
            raise InvalidRequestError(f"{name}, line {number}: {said}", param="labels", hint=_FORM) from error
        if case.id in cases:
            raise InvalidRequestError(
                f"{name}, line {number}: the id {case.id} is there twice", param="labels"
            )
        cases[case.id] = case
    return list(cases.values())
