"""Measures of a score, against cases that can be counted by hand and against scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from eval.reliability import (
    aurc,
    auroc,
    bootstrap,
    brier,
    expected_calibration_error,
    reliability_diagram,
    risk_coverage,
)

scored = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])), min_size=1, max_size=40
)


@given(scored)
def test_auroc_and_brier_are_those_of_scikit_learn(cases: list[tuple[bool, float]]) -> None:
    labels, scores = [list(column) for column in zip(*cases, strict=True)]
    if len(set(labels)) == 2:
        assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
        assert brier(labels, scores) == pytest.approx(brier_score_loss(labels, scores))
    else:
        assert math.isnan(auroc(labels, scores))


def test_what_keeps_its_word_has_no_calibration_error() -> None:
    labels = [True] * 3 + [False] * 7 + [True] * 8 + [False] * 2
    assert expected_calibration_error(labels, [0.3] * 10 + [0.8] * 10) == pytest.approx(0)


def test_the_calibration_error_is_the_mean_distance_over_the_bins() -> None:
    labels = [True, True, False, False]
    said = [0.95, 0.95, 0.95, 0.15]  # one bin says .95 of 2/3, another .15 of 0
    assert expected_calibration_error(labels, said) == pytest.approx(0.75 * (0.95 - 2 / 3) + 0.25 * 0.15)
    assert [each.cases for each in reliability_diagram(labels, said)] == [1, 3]
    assert [each.cases for each in reliability_diagram([True], [1.0])] == [1]


def test_risk_is_counted_from_the_surest_on() -> None:
    coverage, risk = risk_coverage([True, False, True, False], [0.9, 0.8, 0.7, 0.1])
    assert list(coverage) == [0.25, 0.5, 0.75, 1.0]
    assert list(risk) == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert aurc([True, False, True, False], [0.9, 0.8, 0.7, 0.1]) == pytest.approx(np.mean(risk))


@given(scored)
def test_the_order_of_equal_scores_decides_nothing(cases: list[tuple[bool, float]]) -> None:
    labels, scores = [list(column) for column in zip(*cases, strict=True)]
    turned = aurc(labels[::-1], scores[::-1])
    assert aurc(labels, scores) == pytest.approx(turned)
    assert aurc(labels, [0.0] * len(labels)) == pytest.approx(labels.count(False) / len(labels))
    assert aurc(labels, labels) <= aurc(labels, scores) + 1e-9


def test_the_interval_holds_the_measure_and_draws_groups_together() -> None:
    rng = np.random.default_rng(1)
    labels = rng.random(200) < 0.5
    scores = labels * 0.3 + rng.random(200)
    low, high = bootstrap(auroc, labels, scores, [n // 2 for n in range(200)], draws=200)
    assert low < auroc(labels, scores) < high
    assert 0.05 < high - low < 0.3


def test_rows_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="two rows of one length"):
        auroc([True], [0.1, 0.2])
