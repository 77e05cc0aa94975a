"""Documents that are put beside a corpus to see whether an arm lets itself be misled: pure functions of cases.

They are ingested into a corpus of their own, which is searched along with the real one, so that they reach the
prompt, or do not, on the way that every passage takes:

- counterfactual: the sentence that holds the answer of a case, with the answer of another case in its place
  (Longpre et al., Entity-Based Knowledge Conflicts in Question Answering, EMNLP 2021), and its neighbours;
- noise: the sentences around it without itself: the topic of the question, and no answer to it (the distracting
  passages of Cuconasu et al., The Power of Noise, SIGIR 2024).
"""

import hashlib
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from eval.case import EvalCase
from eval.suites.contexts import Answers, CutDocument
from finetune.validation.scores import contains, normalised
from server.answering.support import sentences
from tandem.errors import ConflictError
from tandem.models.disk import storage_errors
from tandem.vocabulary import Span

_NEIGHBOURS = 2
"""Sentences kept on either side: enough to be found by the question."""

Planting = Literal["noise", "counterfactual"]


@dataclass(frozen=True, slots=True)
class PlantedDocument:
    """A document to ingest, of one case."""

    case: str
    uri: str
    text: str


def planted_corpus(corpus: str, planting: Planting) -> str:
    """The name of the corpus that such documents go to."""
    return f"{corpus}-{planting}"


def write_planted(planted: Sequence[PlantedDocument], folder: Path) -> None:
    """One text file a document in a new folder, which is there whole or not at all, for `tandem ingest`.

    Raises `ConflictError` where the folder is there, `StorageError` where the disk refuses.
    """
    if folder.exists():
        raise ConflictError(f"{folder} is there already", hint="Name another folder.", param="out")
    making = folder.with_name(f".{folder.name}.making")
    with storage_errors(folder.parent):
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for one in planted:
            (making / PurePosixPath(one.uri).name).write_text(one.text, encoding="utf-8")
        making.rename(folder)


def planted_documents(
    cases: Sequence[EvalCase], cut: Iterable[CutDocument], planting: Planting
) -> list[PlantedDocument]:
    """One document a case; `cut` are the documents of the corpus.

    A case is left out whose answer does not stand in its document; of counterfactuals, one to which no other case
    has an answer of its kind; of noise, one whose answer the other sentences say too.
    """
    answers, wrong = Answers(cut), false_answers(cases)
    planted = []
    for case in cases:
        places = answers.places_of(case) if case.answerable else []
        if not places:
            continue
        text, span = places[0][0].document.text, places[0][1]
        if planting == "noise":
            words = _around(text, span)
            if contains(words, case.references):
                continue
        elif case.id in wrong:
            words = _changed(text, span, wrong[case.id])
        else:
            continue
        if words:
            name = hashlib.sha256(case.id.encode()).hexdigest()[:16]  # an id may hold what no file name may
            planted.append(PlantedDocument(case.id, f"planted/{planting}/{name}.txt", words))
    return planted


def false_answers(cases: Sequence[EvalCase]) -> dict[str, str]:
    """By case id, a wrong answer: the first reference of another case, of the nearest number of words.

    Always the same for the same set. None shares all its words with a right answer of the case; a case without such
    another has none.
    """
    asked = [case for case in cases if case.answerable and case.references]
    known = [(case.id, case.references[0], _words(case.references[0])) for case in asked]
    found = {case.id: _other(case, known) for case in asked}
    return {case: wrong for case, wrong in found.items() if wrong is not None}


def _other(case: EvalCase, known: Sequence[tuple[str, str, frozenset[str]]]) -> str | None:
    rights = [_words(reference) for reference in case.references]
    others = [
        (abs(len(text.split()) - len(case.references[0].split())), identity, text)
        for identity, text, words in known
        if words and identity != case.id and not any(words <= right or right <= words for right in rights)
    ]
    if not others:
        return None
    nearest = min(others)[0]
    # Of those that are equally long a hash decides, so that not one answer stands for all.
    return min(
        (hashlib.sha256(f"{case.id}\x00{identity}".encode()).digest(), text)
        for distance, identity, text in others
        if distance == nearest
    )[1]


def _words(text: str) -> frozenset[str]:
    return frozenset(normalised(text).split())


def _changed(text: str, answer: Span, wrong: str) -> str:
    """The sentences around an answer, in which every mention of it says something else."""
    before, _, _, after = _window(text, answer)
    right = re.compile(rf"(?<!\w){re.escape(text[answer.start : answer.end])}(?!\w)", re.IGNORECASE)
    head = right.sub(lambda _: wrong, text[before : answer.start])
    return f"{head}{wrong}{right.sub(lambda _: wrong, text[answer.end : after])}".strip()


def _around(text: str, answer: Span) -> str:
    """The sentences around those that hold an answer, without these."""
    before, held, end, after = _window(text, answer)
    return f"{text[before:held].strip()} {text[end:after].strip()}".strip()


def _window(text: str, answer: Span) -> tuple[int, int, int, int]:
    """Where the sentences around an answer begin, where those that hold it begin and end, and the end of all."""
    spans = sentences(text)
    held = [n for n, span in enumerate(spans) if span.start < answer.end and span.end > answer.start]
    first, last = spans[max(0, held[0] - _NEIGHBOURS)], spans[min(len(spans) - 1, held[-1] + _NEIGHBOURS)]
    return first.start, spans[held[0]].start, spans[held[-1]].end, last.end
