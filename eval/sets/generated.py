"""Questions that were made of a corpus, as cases with what a reviewer needs to see."""

from collections.abc import Mapping, Sequence

from eval.case import EvalCase
from eval.sets.hashing import id_of_question
from finetune.dataset.questions import SourceQuestion
from finetune.dataset.serving import SourceDocument

_AROUND = 300
"""Characters of the document on each side of an answer."""


def cases_of_generated(
    questions: Sequence[SourceQuestion], documents: Mapping[str, SourceDocument]
) -> list[tuple[EvalCase, str]]:
    """Cases whose documents are named by their addresses, each with the text around its answer.

    `documents` are those of the questions, by id.
    """
    made = []
    for one in questions:
        known = [documents[number] for number in one.documents if number in documents]
        case = EvalCase(
            id=id_of_question(one.question),
            question=one.question,
            references=one.answers,
            documents=tuple(each.uri for each in known) or one.documents,
            answer_start=one.answer_start,
            tags=("generated",),
        )
        made.append((case, _around(one, known[0]) if known else ""))
    return made


def _around(one: SourceQuestion, document: SourceDocument) -> str:
    begin = one.answer_start or 0
    end = begin + len(one.answers[0]) if one.answers else begin
    text = document.text[max(0, begin - _AROUND) : end + _AROUND]
    return f"{document.uri}: ...{' '.join(text.split())}..."
