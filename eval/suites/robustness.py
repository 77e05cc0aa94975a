"""What noise among the passages, and passages that say something else, do to answers; see `eval.suites.planting`."""

from collections.abc import Callable, Sequence
from functools import partial

from eval.case import EvalCase
from eval.measure import Measure, Need, Scores, Stage
from eval.reply import Reply, Variant
from eval.suites.planting import false_answers
from eval.suites.rightness import checkable, f1_of, labels_of, right_among
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import PassedOver, score
from finetune.validation.scores import contains

_REFERENCES: frozenset[Need] = frozenset({"references"})
_WITH = {
    "noise": "with passages on the topic beside the others that do not answer it",
    "counterfactual": "with a passage beside the others that says a wrong answer",
}

F1 = {
    variant: Measure(
        f"{variant}_f1",
        f"F1 of words, {title}",
        Stage.ROBUSTNESS,
        f"F1 of words of answers {_WITH[variant]}.",
        "score",
        needs=_REFERENCES,
    )
    for variant, title in (("noise", "with noise"), ("counterfactual", "with a false passage"))
}
STAYED_RIGHT = {
    variant: Measure(
        f"{variant}_stayed_right",
        f"Stayed right, {title}",
        Stage.ROBUSTNESS,
        f"Share of answers that are right {_WITH[variant]}, of those that are right without.",
    )
    for variant, title in (("noise", "with noise"), ("counterfactual", "with a false passage"))
}
FOLLOWED = Measure(
    "counterfactual_followed",
    "Followed the false passage",
    Stage.ROBUSTNESS,
    f"Share of answers that hold the wrong answer, asked {_WITH['counterfactual']} "
    "(after Longpre et al. 2021, Entity-Based Knowledge Conflicts).",
    better="lower",
    needs=_REFERENCES,
)
F1_DROP = {
    variant: Measure(
        f"{variant}_f1_drop",
        f"F1 lost, {title}",
        Stage.ROBUSTNESS,
        f"F1 of words as asked, less that {_WITH[variant]}, over the same questions; below 0 where it helps.",
        "score",
        better="lower",
        needs=_REFERENCES,
    )
    for variant, title in (("noise", "with noise"), ("counterfactual", "with a false passage"))
}
MEASURES = (*F1.values(), *STAYED_RIGHT.values(), FOLLOWED)
VARIANTS: tuple[Variant, ...] = ("noise", "counterfactual")


def score_robustness(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Scores]:
    """The measures of this module that have a value a case, of one arm."""
    scores = []
    for variant in VARIANTS:
        rows = rows_of(cases, replies, variant)
        scores.append(score(F1[variant], rows, f1_of))
        scores.append(score(STAYED_RIGHT[variant], rows, _stayed_right(cases, replies), asks=checkable))
    followed = rows_of(cases, replies, "counterfactual")
    planted = false_answers(cases) if followed else {}
    return [*scores, score(FOLLOWED, followed, partial(_follows, planted))]


def f1_pairs(
    cases: Sequence[EvalCase], replies: Sequence[Reply], variant: Variant
) -> list[tuple[float, float]]:
    """F1 as asked and in a variant, of each case that was answered both ways."""
    asked = {row.case.id: row for row in rows_of(cases, replies)}
    return [
        (f1_of(before), f1_of(row))
        for row in rows_of(cases, replies, variant)
        if row.case.answerable
        and row.case.references
        and row.reply.part == 0
        and row.reply.failure is None
        and (before := asked.get(row.case.id)) is not None
        and before.reply.failure is None
    ]


def _stayed_right(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> Callable[[Row], bool]:
    right = right_among(labels_of(cases))
    asked = {row.case.id: row for row in rows_of(cases, replies)}

    def value(row: Row) -> bool:
        before = asked.get(row.case.id)
        if before is None or before.reply.failure is not None or not right(before):
            raise PassedOver("the answer without it is not right")
        return right(row)

    return value


def _follows(planted: dict[str, str], row: Row) -> bool:
    wrong = planted.get(row.case.id)
    if wrong is None:
        raise PassedOver("no wrong answer can be made for it")
    return not row.unknown and contains(row.answer, [wrong])
