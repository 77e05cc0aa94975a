"""Verdicts of a judge beside the labels of people."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eval.comparison import Interval
from eval.judging.figures import Agreement
from eval.judging.labelled import Label, LabelledCase
from eval.measure import Scores
from eval.reliability import auroc, bootstrap

Floats = NDArray[np.float64]

VERDICTS: Mapping[str, tuple[Label, float]] = {
    "faithfulness": ("faithful", 1.0),
    "response_groundedness": ("faithful", 0.75),
    "answer_accuracy": ("correct", 0.75),
    "factual_correctness": ("correct", 0.5),
    "answer_relevancy": ("relevant", 0.5),
}
"""By measure: the label that it is about, and the least value that says yes.

Every statement must be borne out for `faithfulness`; of two ratings in {0, 0.5, 1} the mean must be above 0.5."""


def agreement(cases: Sequence[LabelledCase], scores: Scores) -> Agreement | None:
    """How the values agree with the label that the measure is about; `None` where no case has both.

    A case that should have a value and has none gets the one that is most wrong.
    """
    name = scores.measure.name
    label, least = VERDICTS[name]
    told = [
        case
        for case in cases
        if getattr(case, label) is not None and (case.id in scores.values or case.id in scores.failed)
    ]
    if not told:
        return None
    labels = np.array([getattr(case, label) for case in told], bool)
    wrong = np.where(labels, 0.0, 1.0)
    values = np.array([scores.values.get(case.id, worst) for case, worst in zip(told, wrong, strict=True)])
    verdicts = values >= least - 1e-9
    ordinals = {group: n for n, group in enumerate(dict.fromkeys(case.group for case in told))}
    groups = [ordinals[case.group] for case in told]

    bad, called_bad = ~labels, ~verdicts
    caught = int((bad & called_bad).sum())
    return Agreement(
        label=label,
        measure=name,
        least=least,
        cases=len(told),
        failed=sum(case.id in scores.failed for case in told),
        said_yes=int(labels.sum()),
        judged_yes=int(verdicts.sum()),
        accuracy=_interval(_accuracy, labels, verdicts, groups) or Interval(mean=0, low=0, high=0),
        kappa=_interval(cohens_kappa, labels, verdicts, groups),
        bad_precision=caught / int(called_bad.sum()) if called_bad.any() else None,
        bad_recall=caught / int(bad.sum()) if bad.any() else None,
        auroc=_interval(auroc, labels, values, groups),
        length=length_correlation(labels, values, [len(case.answer.split()) for case in told]),
    )


def cohens_kappa(labels: ArrayLike, verdicts: ArrayLike) -> float:
    """Agreement beyond chance of two raters who say yes or no (Cohen 1960): 1 is perfect, 0 is chance.

    NaN where both say the same of every case.
    """
    one, other = np.asarray(labels, bool), np.asarray(verdicts, bool)
    chance = one.mean() * other.mean() + (1 - one.mean()) * (1 - other.mean())
    if chance == 1:
        return float("nan")
    beyond = ((one == other).mean() - chance) / (1 - chance)
    return round(float(beyond), 12) + 0.0  # not -0.00 for what is nothing


def length_correlation(labels: ArrayLike, values: ArrayLike, lengths: ArrayLike) -> float | None:
    """Spearman's rank correlation of values and lengths with the label held fixed (partial correlation).

    Ranks less their mean among the cases of the same label. `None` where either does not vary beyond it.
    """
    from scipy.stats import rankdata

    truth = np.asarray(labels, bool)
    one, other = (_less_means(np.asarray(rankdata(each), float), truth) for each in (values, lengths))
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / scale) if scale > 1e-9 else None


def _less_means(ranks: Floats, truth: NDArray[np.bool_]) -> Floats:
    rest = ranks.copy()
    for part in (truth, ~truth):
        if part.any():
            rest[part] -= ranks[part].mean()
    return rest


def _accuracy(labels: ArrayLike, verdicts: ArrayLike) -> float:
    return float((np.asarray(labels, bool) == np.asarray(verdicts, bool)).mean())


def _interval(
    measure: Callable[[ArrayLike, ArrayLike], float],
    labels: NDArray[np.bool_],
    given: ArrayLike,
    groups: Sequence[int],
) -> Interval | None:
    mean = measure(labels, given)
    if np.isnan(mean):
        return None
    low, high = bootstrap(measure, labels, given, groups)
    return Interval(mean=mean, low=low, high=high)
