"""Questions from answers that users have voted for: out of a file, or of the store, where they were accepted."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.dataset.questions import SourceQuestion, json_lines
from finetune.dataset.texts import folded, without_marks
from tandem.errors import InvalidRequestError
from tandem.store import Store, VotedAnswer
from tandem.vocabulary import Caller

STORE = Path("store")
"""Stands for what was accepted in the store, where a file could be named; a file of that name is `./store`."""

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
    questions: list[SourceQuestion] = []
    dropped = Counter[str]()
    for line, fields in json_lines(file):
        try:
            one = Verdict.model_validate(fields)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidRequestError(
                f"{file}, line {line}: {place}: {first['msg']}", param="feedback", hint=_HINT
            ) from error
        _take(one, f"line-{line}", abstention, questions, dropped)
    if not questions:
        told = ", ".join(f"{many} {why}" for why, many in dropped.items()) or "it is empty"
        raise InvalidRequestError(
            f"{file} holds no answer to learn from: {told}", param="feedback", hint=_HINT
        )
    return questions, dropped


def accepted_feedback(
    store: Store, caller: Caller, abstention: str
) -> tuple[list[SourceQuestion], Counter[str]]:
    """As `read_feedback`, of the feedback that was accepted; a correction stands in place of its answer.

    Raises `InvalidRequestError` where none was.
    """
    questions, dropped = _of_store(store.accepted_feedback(caller), abstention)
    if not questions:
        told = ", ".join(f"{many} {why}" for why, many in dropped.items()) or "none was accepted"
        raise InvalidRequestError(
            f"The store holds no feedback to learn from: {told}",
            param="feedback",
            hint="See `tandem feedback list --state new`, and accept what is right.",
        )
    return questions, dropped


def _of_store(voted: Iterable[VotedAnswer], abstention: str) -> tuple[list[SourceQuestion], Counter[str]]:
    questions: list[SourceQuestion] = []
    dropped = Counter[str]()
    for each in voted:
        # A correction is an answer that was voted up, whatever became of the one that it corrects.
        one = Verdict(
            id=each.id, question=each.question, answer=each.answer, documents=each.documents, verdict="up"
        )
        _take(one, each.id, abstention, questions, dropped)
    return questions, dropped


def _take(
    one: Verdict, name: str, abstention: str, questions: list[SourceQuestion], dropped: Counter[str]
) -> None:
    """Add the question, or count why it is none."""
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
                id=one.id or name, question=one.question, answers=(answer,), documents=one.documents
            )
        )
