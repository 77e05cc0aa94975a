"""Whether an answer is right: what abstention, risk and robustness are measured by."""

from collections.abc import Callable, Iterable

from eval.case import EvalCase
from eval.suites.rows import Row
from eval.suites.scoring import answerable
from finetune.validation.citing import covered
from finetune.validation.labels import read_label
from finetune.validation.scores import token_f1

COVERED = 0.5
"""Share of the content words of a reference from which an answer counts as right."""


def labels_of(cases: Iterable[EvalCase]) -> tuple[str, ...]:
    """The classes that a set asks for, in lower case, by the alphabet."""
    return tuple(sorted({label for case in cases if (label := label_of(case)) is not None}))


def label_of(case: EvalCase) -> str | None:
    """The right class in lower case: answers are read so."""
    return None if case.label is None else case.label.lower()


def f1_of(row: Row) -> float:
    """F1 of words; 0 for "I don't know."."""
    return 0.0 if row.unknown else token_f1(row.answer, row.case.references)


def right_among(labels: tuple[str, ...]) -> Callable[[Row], bool]:
    """Whether an answer names the right one of the classes; or, of a case without a class, has at least half of
    the different content words of a reference. "I don't know." is not right, nor is any answer to a question
    without one.
    """

    def right(row: Row) -> bool:
        if row.unknown or not row.case.answerable:
            return False
        if (label := label_of(row.case)) is not None:
            return read_label(row.answer, labels) == label
        return any(covered(reference, row.answer) >= COVERED for reference in row.case.references)

    return right


def checkable(case: EvalCase) -> str | None:
    """The reason why the answer of a case cannot be told to be right or wrong."""
    return answerable(case) or (None if case.references or case.label else "neither reference nor class")
