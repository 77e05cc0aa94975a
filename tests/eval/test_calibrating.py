"""Cases that say where their answer stands are learnt from; a fit learns from many cases and keeps to its prior with few."""

from dataclasses import replace

import numpy as np
import pytest

from eval.calibrating import (
    Found,
    Seen,
    blank,
    cross_fitted,
    fit,
    fit_for_others,
    holds,
    usable,
    with_own,
)
from eval.case import EvalCase
from eval.reliability import auroc, expected_calibration_error
from server.calibration import FEATURES, bundled_calibration
from server.word_counts import WordCounts

WORDS = WordCounts(texts=50, counts={"pump": 40, "valv": 3})
GRAZ = Found("id-1", "a.md", "The pump was built\n in GRAZ.")


def seen_cases(count: int, seed: int = 0) -> list[Seen]:
    """Cases whose first feature alone decides, with some noise."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, len(FEATURES)))
    holds = rng.random(count) < 1 / (1 + np.exp(-2 * x[:, 0]))
    return [Seen(tuple(map(float, row)), bool(y), n) for n, (row, y) in enumerate(zip(x, holds, strict=True))]


def prior():
    return blank(np.array([one.features for one in seen_cases(300)]), FEATURES)


def case_of(**fields: object) -> EvalCase:
    return EvalCase.model_validate({"id": "x", "question": "Where?", **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"documents": ["a.md"]}, True),
        ({"doc_ids": "a.md"}, True),
        ({"answer": "in Graz"}, True),
        ({"answerable": False}, True),
        ({}, False),
        ({"label": "yes"}, False),
        ({"documents": ["a.md"], "history": [{"role": "user", "content": "The pump?"}]}, False),
    ],
)
def test_a_fit_learns_from_what_says_where_its_answer_stands(fields: dict, expected: bool) -> None:
    case = case_of(**fields)
    assert usable([case]) == [case] * expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"documents": ["id-1"]}, True),
        ({"documents": ["a.md"], "answers": ["built in Graz"]}, True),
        ({"answers": ["built in Graz"]}, True),
        ({"documents": ["b.md"], "answers": ["built in Graz"]}, False),
        ({"documents": ["a.md"], "answers": ["built in Linz"]}, False),
        ({"documents": ["a.md"], "answerable": False}, False),
    ],
)
def test_a_passage_holds_the_answer_by_its_document_and_its_words(case: dict, expected: bool) -> None:
    assert holds(case_of(**case), [GRAZ]) is expected
    assert not holds(case_of(**case), [])


def test_many_cases_are_learnt_from_and_the_probability_keeps_its_word() -> None:
    fitted = fit(seen_cases(2_000), prior(), "test", "e")
    assert fitted.weights[0] == pytest.approx(2, abs=0.3)
    assert max(map(abs, fitted.weights[1:])) < 0.2
    fresh = seen_cases(2_000, seed=1)
    said = [fitted.probability(one.features) for one in fresh]
    assert auroc([one.holds for one in fresh], said) > 0.84
    assert expected_calibration_error([one.holds for one in fresh], said) < 0.05
    assert (fitted.fitted_on, fitted.embedder) == ("test", "e")


def test_weights_that_are_held_to_zero_still_give_a_probability_that_keeps_its_word() -> None:
    for count, at_most in ((2_000, 0.05), (300, 0.1)):
        fitted = fit_for_others(seen_cases(count), prior(), "test", "e")
        fresh = seen_cases(2_000, seed=1)
        said = [fitted.probability(one.features) for one in fresh]
        labels = [one.holds for one in fresh]
        assert auroc(labels, said) > 0.8
        assert expected_calibration_error(labels, said) < at_most
        assert (fitted.fitted_on, fitted.embedder) == ("test", "e")


def test_a_case_of_which_it_is_not_known_teaches_no_weight() -> None:
    """Many cases say the opposite; known to be so, they would make the first feature worth little."""
    known = seen_cases(400)
    wrong = [replace(one, holds=not one.holds, group=one.group + 400) for one in known[:300]]
    unknown = [replace(one, certain=False) for one in wrong]
    assert fit_for_others(known + wrong, prior(), "", "").weights[0] < 0.3
    spared = fit_for_others(known + unknown, prior(), "", "")
    alone = fit_for_others(known, prior(), "", "")
    shares = [np.array(one.weights) / max(one.weights) for one in (spared, alone)]
    assert shares[0] == pytest.approx(shares[1], abs=1e-4)
    # In the probability such cases do count: it says how often passages are known to hold the answer.
    assert np.abs(spared.weights).sum() < np.abs(alone.weights).sum()


def test_questions_of_one_document_alone_are_fitted_without_scaling() -> None:
    together = [replace(one, group=0) for one in seen_cases(50)]
    fitted = fit_for_others(together, prior(), "", "")
    assert 0 < fitted.weights[0] < 1


def test_few_cases_move_the_prior_little() -> None:
    few = [Seen((5.0, *one.features[1:]), True, n) for n, one in enumerate(seen_cases(4))]
    known = bundled_calibration()
    moved = fit(few, known, "", "")
    assert np.abs(np.subtract(moved.weights, known.weights)).max() < 0.5


def test_what_is_said_after_was_fitted_without_the_question() -> None:
    """Labels by chance can be learnt by heart; who is not allowed to see them is no better than chance."""
    rng = np.random.default_rng(0)
    chance = [Seen(one.features, bool(rng.random() < 0.5), one.group // 2) for one in seen_cases(60)]
    labels = [one.holds for one in chance]
    by_heart = fit(chance, prior(), "", "")
    assert auroc(labels, [by_heart.probability(one.features) for one in chance]) > 0.7
    assert auroc(labels, cross_fitted(chance, prior())) < 0.65


def test_scores_of_whatever_size_are_weighed_by_a_fit_that_has_their_spread() -> None:
    rng = np.random.default_rng(5)
    best = FEATURES.index("score")
    rows = np.tile(np.array(bundled_calibration().mean), (400, 1))
    rows[:, best] = 0.03 + 0.002 * rng.standard_normal(400)  # as reciprocal ranks have it
    holds = rng.random(400) < 1 / (1 + np.exp(-(rows[:, best] - 0.03) / 0.001))
    seen = [
        Seen(tuple(map(float, row)), bool(y), n) for n, (row, y) in enumerate(zip(rows, holds, strict=True))
    ]
    prior = with_own(bundled_calibration(), seen, "rrf", WORDS)
    assert prior.scored_by == "rrf"
    assert prior.probability(rows[0]) == bundled_calibration().probability(rows[0])
    labels = [one.holds for one in seen]
    assert auroc(labels, cross_fitted(seen, prior)) > 0.85
    fitted = fit(seen, prior, "these", "none")
    assert fitted.weights[best] > 0.5
    assert fitted.scored_by == "rrf"
    flat = [
        Seen((*one.features[:best], *(1.0,) * (len(FEATURES) - best)), one.holds, one.group) for one in seen
    ]
    assert with_own(bundled_calibration(), flat, "rrf", WORDS).scale[best] == 1.0


def test_how_rare_the_words_of_a_question_are_is_weighed_by_a_fit_that_has_counted_them() -> None:
    rng = np.random.default_rng(6)
    place = FEATURES.index("rare_missing")
    rows = np.tile(np.array(bundled_calibration().mean), (400, 1))
    rows[:, place] = rng.exponential(5.0, 400)
    holds = rng.random(400) < 1 / (1 + np.exp(rows[:, place] - 5.0))
    seen = [
        Seen(tuple(map(float, row)), bool(y), n) for n, (row, y) in enumerate(zip(rows, holds, strict=True))
    ]
    fitted = fit(seen, with_own(bundled_calibration(), seen, "rrf", WORDS), "these", "none")
    assert fitted.words == WORDS
    assert fitted.weights[place] < -0.5
    assert auroc([one.holds for one in seen], [fitted.probability(one.features) for one in seen]) > 0.85
