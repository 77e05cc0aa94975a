"""Figures of an arm that are no mean over its answers: F1 of classes, the area under risk and coverage, a loss of F1.

They have no `Scores`; a comparison takes them as `Figure`s. Intervals are of the percentile bootstrap over cases.
"""

from collections.abc import Sequence

import numpy as np

from eval.case import EvalCase
from eval.comparison import Figure, Interval
from eval.measure import Measure
from eval.reliability import aurc, bootstrap
from eval.reply import Reply, Variant
from eval.suites.abstention import AURC, judge
from eval.suites.classification import MACRO_F1, MACRO_PRECISION, MACRO_RECALL, labelled_pairs
from eval.suites.rightness import labels_of
from eval.suites.robustness import F1_DROP, VARIANTS, f1_pairs
from eval.suites.rows import rows_of
from tandem.resampling import bootstrap_difference

MEASURES = (MACRO_PRECISION, MACRO_RECALL, MACRO_F1, AURC, *F1_DROP.values())
_DRAWS = 2_000


def figures_of_whole(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Figure]:
    """The figures of one arm, of those measures that say something about these replies."""
    return [
        *_of_classes(cases, replies),
        *_of_abstention(cases, replies),
        *(figure for variant in VARIANTS if (figure := _lost(cases, replies, variant))),
    ]


def _of_classes(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Figure]:
    pairs = labelled_pairs(cases, replies)
    if not pairs:
        return []
    from sklearn.metrics import precision_recall_fscore_support

    labels = list(labels_of(cases))
    right, said = [one for one, _ in pairs], [other for _, other in pairs]
    whole = precision_recall_fscore_support(right, said, labels=labels, average="macro", zero_division=0)
    drawn = _drawn_macros(right, said, labels)
    failed = sum(
        row.case.label is not None and row.case.answerable and row.reply.failure is not None
        for row in rows_of(cases, replies)
    )
    return [
        _figure(measure, float(mean), *np.percentile(values, [2.5, 97.5]), cases=len(pairs), failed=failed)
        for measure, mean, values in zip(
            (MACRO_PRECISION, MACRO_RECALL, MACRO_F1), whole[:3], drawn, strict=True
        )
    ]


def _drawn_macros(right: Sequence[str], said: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Macro precision, recall and F1 of resamples of the cases, shape (3, draws)."""
    wants = np.array([[one == label for label in labels] for one in right], float)
    names = np.array([[one == label for label in labels] for one in said], float)
    chosen = np.random.default_rng(0).multinomial(len(right), np.full(len(right), 1 / len(right)), _DRAWS)
    wanted, named, hit = chosen @ wants, chosen @ names, chosen @ (wants * names)
    parts = [(hit, named), (hit, wanted), (2 * hit, wanted + named)]
    return np.array(
        [np.divide(part, of, out=np.zeros_like(part), where=of > 0).mean(1) for part, of in parts]
    )


def _of_abstention(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Figure]:
    judged = judge(cases, replies)
    if not judged.right:
        return []
    low, high = bootstrap(aurc, judged.right, judged.scores, judged.cases)
    failed = sum(reply.failure is not None for reply in replies if reply.variant in ("asked", "without"))
    return [
        _figure(AURC, aurc(judged.right, judged.scores), low, high, cases=len(judged.right), failed=failed)
    ]


def _lost(cases: Sequence[EvalCase], replies: Sequence[Reply], variant: Variant) -> Figure | None:
    pairs = f1_pairs(cases, replies, variant)
    if not pairs:
        return None
    found = bootstrap_difference([before for before, _ in pairs], [after for _, after in pairs])
    failed = sum(reply.failure is not None for reply in replies if reply.variant == variant)
    return _figure(F1_DROP[variant], found.mean, found.low, found.high, cases=len(pairs), failed=failed)


def _figure(measure: Measure, mean: float, low: float, high: float, *, cases: int, failed: int) -> Figure:
    estimate = Interval(mean=mean, low=float(low), high=float(high))
    return Figure(measure=measure.name, estimate=estimate, cases=cases, failed=failed)
