"""Verdicts beside labels: by hand, and by scikit-learn."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

from eval.judging.agreement import agreement, cohens_kappa, length_correlation
from eval.judging.labelled import LabelledCase
from eval.judging.measures import LLM_MEASURES
from eval.measure import Scores

ACCURACY = LLM_MEASURES["answer_accuracy"]


def case(n: int, correct: bool | None, words: int = 3, question: str = "") -> LabelledCase:
    return LabelledCase(
        id=str(n),
        question=question or f"Question {n}?",
        passages=("p",),
        answer="word " * words,
        correct=correct,
    )


def test_kappa_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    for share in (0.2, 0.5, 0.9):
        labels, verdicts = rng.random(50) < share, rng.random(50) < 0.6
        assert cohens_kappa(labels, verdicts) == pytest.approx(cohen_kappa_score(labels, verdicts))
    assert np.isnan(cohens_kappa([True, True], [True, True]))


def test_figures_of_a_judge_by_hand_and_by_scikit_learn() -> None:
    labels = [True] * 6 + [False] * 4
    values = [1.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0, 0.5, 0.0, 1.0]
    cases = [case(n, label) for n, label in enumerate(labels)]
    scores = Scores(ACCURACY, {str(n): value for n, value in enumerate(values)})
    found = agreement(cases, scores)
    assert found is not None
    assert (found.label, found.cases, found.said_yes, found.judged_yes) == ("correct", 10, 6, 5)
    assert found.accuracy.mean == pytest.approx(0.7)
    verdicts = [value >= 0.75 for value in values]
    assert found.kappa is not None
    assert found.kappa.mean == pytest.approx(cohen_kappa_score(labels, verdicts))
    assert found.kappa.low < found.kappa.mean < found.kappa.high
    bad = {"pos_label": False}
    assert found.bad_precision == pytest.approx(precision_score(labels, verdicts, **bad))
    assert found.bad_recall == pytest.approx(recall_score(labels, verdicts, **bad))
    assert found.auroc is not None
    pairs = [(a > b) + (a == b) / 2 for a in values[:6] for b in values[6:]]
    assert found.auroc.mean == pytest.approx(np.mean(pairs))


def test_a_case_without_a_verdict_counts_as_judged_wrong() -> None:
    cases = [case(0, True), case(1, True), case(2, False), case(3, False)]
    whole = agreement(cases, Scores(ACCURACY, {"0": 1.0, "1": 1.0, "2": 0.0, "3": 0.0}))
    part = agreement(cases, Scores(ACCURACY, {"0": 1.0, "2": 0.0}, {"1": "judge busy", "3": "judge busy"}))
    assert whole is not None
    assert part is not None
    assert (whole.accuracy.mean, whole.failed) == (1.0, 0)
    assert (part.accuracy.mean, part.failed, part.cases) == (0.5, 2, 4)


def test_what_nobody_has_labelled_or_the_measure_passes_over_is_no_case() -> None:
    cases = [case(0, None), case(1, True)]
    assert agreement(cases, Scores(ACCURACY, {"0": 1.0}, {}, {"1": "no reference"})) is None


def test_answers_to_one_question_are_drawn_together() -> None:
    """Forty answers to two questions say little more than two answers."""
    apart = [case(n, n % 2 == 0) for n in range(40)]
    together = [case(n, n % 2 == 0, question=f"{n % 4 < 2}?") for n in range(40)]
    values = {str(n): float((n % 2 == 0) == (n % 4 < 2)) for n in range(40)}  # right of the one question only
    one, other = (agreement(cases, Scores(ACCURACY, values)) for cases in (apart, together))
    assert one is not None
    assert other is not None
    assert one.accuracy.low > other.accuracy.low == 0


def test_length_counts_only_beyond_the_label() -> None:
    labels = [True] * 5 + [False] * 5
    lengths = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    by_label = [1.0] * 5 + [0.0] * 5
    assert spearmanr(by_label, lengths).statistic > 0.8
    assert length_correlation(labels, by_label, lengths) is None
    by_length = [length / 10 for length in lengths]
    assert length_correlation(labels, by_length, lengths) == pytest.approx(1)
    assert length_correlation([True] * 10, by_label, lengths) == pytest.approx(
        spearmanr(by_label, lengths).statistic
    )
