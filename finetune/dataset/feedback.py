"""Questions from answers that users have voted for."""

from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.dataset.questions import SourceQuestion, json_lines
from finetune.dataset.texts import folded, without_marks
from tandem.errors import InvalidRequestError

_HINT = 'A line is {"question": ..., "answer": ..., "documents": [...], "verdict": "up" or "down"}.'


class Verdict(BaseModel):
    """What a user thought of one answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str = ""
    question: str = Field(min_length=1)
    answer: str = ""
    documents: tuple[str, ...] = ()
    """Ids or addresses of the documents that the answer cited."""
    verdict: Literal["up", "down"]


def read_feedback(file: Path, abstention: str) -> tuple[list[SourceQuestion], Counter[str]]:
    """Questions whose answers were voted up, and how many others there were, by why they are none.

    An answer loses its marks: they number the passages of another prompt. Raises `InvalidRequestError`,
    which names the line.
    """
    questions, dropped = [], Counter[str]()
    for line, fields in json_lines(file):
        try:
            one = Verdict.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidRequestError(
                f"{file}, line {line}: {place}: {first['msg']}", param="feedback", hint=_HINT
            ) from error
        answer = without_marks(one.answer)
        if one.verdict == "down":
            dropped["voted down"] += 1
        elif not answer or folded(answer) == folded(abstention):
            dropped["no answer was given"] += 1
        elif not one.documents:
            dropped["cites no document"] += 1
        else:
            questions.append(
                SourceQuestion(
                    id=one.id or f"line-{line}",
                    question=one.question,
                    answers=(answer,),
                    documents=one.documents,
                )
            )
    if not questions:
        told = ", ".join(f"{many} {why}" for why, many in dropped.items()) or "it is empty"
        raise InvalidRequestError(
            f"{file} holds no answer to learn from: {told}", param="feedback", hint=_HINT
        )
    return questions, dropped
