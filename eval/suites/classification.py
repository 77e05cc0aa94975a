"""Answers that are one of a few classes."""

from collections.abc import Sequence

from eval.case import EvalCase
from eval.measure import Measure, Need, Scores, Stage
from eval.reply import Reply
from eval.suites.rightness import label_of, labels_of, right_among
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import score
from finetune.validation.labels import read_label

_LABEL: frozenset[Need] = frozenset({"label"})

ACCURACY = Measure(
    "accuracy",
    "Accuracy",
    Stage.CLASSIFICATION,
    "Share of answers that name the right class: by their first word, or else by the only class among their words.",
    needs=_LABEL,
)
LABEL_UNREAD = Measure(
    "label_unread",
    "No class",
    Stage.CLASSIFICATION,
    "Share of answers that name no class, or several and none of them first; “I don't know.” is one of them.",
    better="lower",
    needs=_LABEL,
)
MACRO_PRECISION = Measure(
    "macro_precision",
    "Precision of classes",
    Stage.CLASSIFICATION,
    "Mean over the classes of the share of right ones among the answers that name the class, as scikit-learn has it; "
    "0 for a class that no answer names.",
    "score",
    needs=_LABEL,
)
MACRO_RECALL = Measure(
    "macro_recall",
    "Recall of classes",
    Stage.CLASSIFICATION,
    "Mean over the classes of the share of its cases whose answer names the class, as scikit-learn has it.",
    "score",
    needs=_LABEL,
)
MACRO_F1 = Measure(
    "macro_f1",
    "F1 of classes",
    Stage.CLASSIFICATION,
    "Mean over the classes of the harmonic mean of precision and recall, as scikit-learn has it.",
    "score",
    needs=_LABEL,
)
MEASURES = (ACCURACY, LABEL_UNREAD)


def score_classification(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Scores]:
    """The measures of this module that have a value a case, of one arm."""
    rows, labels = rows_of(cases, replies), labels_of(cases)
    return [
        score(ACCURACY, rows, right_among(labels)),
        score(LABEL_UNREAD, rows, lambda row: said_label(row, labels) is None),
    ]


def said_label(row: Row, labels: Sequence[str]) -> str | None:
    """The class that an answer names."""
    return None if row.unknown else read_label(row.answer, labels)


def labelled_pairs(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[tuple[str, str]]:
    """Right and said class of each answer of one arm to a case with a class; "" where none was said."""
    labels = labels_of(cases)
    return [
        (label, said_label(row, labels) or "")
        for row in rows_of(cases, replies)
        if (label := label_of(row.case)) is not None and row.case.answerable and row.reply.failure is None
    ]


def confusion_of(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> dict[str, dict[str, int]]:
    """Counts by right class, then by the class that was said; empty where no case asks for one."""
    pairs = labelled_pairs(cases, replies)
    if not pairs:
        return {}
    from sklearn.metrics import confusion_matrix

    names = [*labels_of(cases), ""]
    counts = confusion_matrix([right for right, _ in pairs], [said for _, said in pairs], labels=names)
    return {
        right: {said: int(count) for said, count in zip(names, row, strict=True)}
        for right, row in zip(names, counts, strict=True)
        if right
    }
