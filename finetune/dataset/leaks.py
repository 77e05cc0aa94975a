"""Finds what a training set has in common with an eval set: a measure of what was learnt by heart is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.dataset.likeness import AskedBefore
from finetune.dataset.located import Located
from finetune.dataset.questions import json_lines
from finetune.dataset.serving import Serving
from tandem.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class EvalSet:
    """The questions of an eval set, and the documents that they are about."""

    file: Path
    questions: tuple[str, ...]
    documents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaks:
    """What an eval set shares with the questions: numbers of questions, and the eval set's side of it."""

    file: Path
    same: tuple[tuple[int, str], ...]
    near: tuple[tuple[int, str], ...]
    documents: tuple[str, ...]
    leaking: frozenset[int]
    """Numbers of all questions that leak, by their wording or by their document."""

    def __bool__(self) -> bool:
        return bool(self.leaking)

    def told(self) -> str:
        """For people."""
        return (
            f"{len(self.same)} questions of {self.file.name} are the same, {len(self.near)} nearly the same, "
            f"{len(self.documents)} documents are shared"
        )


def read_eval_set(file: Path) -> EvalSet:
    """An eval set in any format of JSON lines with `question` or `questions`. Raises `InvalidRequestError`."""
    questions: list[str] = []
    documents: list[str] = []
    for line, fields in json_lines(file):
        asked: list[Any] = [None]
        if isinstance(fields, dict):
            asked = fields.get("questions") or [fields.get("question")]
        if not all(isinstance(one, str) and one.strip() for one in asked):
            raise InvalidRequestError(f"{file}, line {line}: it has no `question`", param="against")
        questions += asked
        for key in ("doc_ids", "documents", "uris"):
            documents += [str(one) for one in fields.get(key) or ()]
    if not questions:
        raise InvalidRequestError(f"{file} holds no question", param="against")
    return EvalSet(file, tuple(questions), tuple(dict.fromkeys(documents)))


def find_leaks(questions: Sequence[Located], held: EvalSet, serving: Serving) -> Leaks:
    """What the questions share with the eval set. Its documents that are not in the corpus cannot leak."""
    known = serving.documents(held.documents)
    theirs = {one: document.uri for document in known.values() for one in document.ids}
    shared = {theirs[one]: None for question in questions for one in sorted(question.ids) if one in theirs}
    same: list[tuple[int, str]] = []
    near: list[tuple[int, str]] = []
    asked = AskedBefore()
    for text in held.questions:
        asked.add(text)
    for number, question in enumerate(questions):
        text = question.question.question
        if other := asked.same(text):
            same.append((number, other))
        elif other := asked.near(text):
            near.append((number, other))
    by_document = {n for n, question in enumerate(questions) if question.ids & theirs.keys()}
    leaking = by_document | {n for n, _ in same} | {n for n, _ in near}
    return Leaks(held.file, tuple(same), tuple(near), tuple(shared), frozenset(leaking))
