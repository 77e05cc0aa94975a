"""The paired permutation test, beside SciPy's and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test

from eval.statistics import mcnemar, sign_flip

some = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=40)
right_or_wrong = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60)


def by_scipy(differences: list[float]) -> float:
    found = permutation_test(
        (np.array(differences), np.zeros(len(differences))),
        lambda one, other, axis: (one - other).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        batch=4_096,
        n_resamples=np.inf,
    )
    return float(found.pvalue)


def test_few_cases_give_the_exact_value_of_scipy() -> None:
    rng = np.random.default_rng(5)
    for count in (2, 6, 10, 12):
        values = rng.normal(0.3, 0.5, count).round(3).tolist()
        assert sign_flip(values) == pytest.approx(by_scipy(values))


def test_darwins_maize_gives_fishers_own_figure() -> None:
    # Differences of 15 pairs in eighths of an inch; Fisher counts 1,726 of 32,768 as far from zero.
    maize = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip(maize) == pytest.approx(1_726 / 32_768)
    # The same in inches are no whole numbers, and more than are enumerated: drawn, it comes near.
    assert sign_flip([one / 8 + 0.0 for one in maize]) == pytest.approx(1_726 / 32_768, abs=0.008)


def test_whole_numbers_are_counted_out_exactly() -> None:
    values = [3.0, -1.0, 2.0, 2.0, 0.0, -2.0, 5.0, 1.0, 1.0, 4.0]
    assert sign_flip(values) == pytest.approx(by_scipy(values))


def test_many_cases_come_near_the_exact_value_and_never_to_zero() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.2, 1, 15)
    assert sign_flip(values.tolist()) == pytest.approx(by_scipy(values.tolist()), abs=0.012)
    assert sign_flip([0.5 + n / 1_000 for n in range(200)]) == 1 / 10_000


def test_right_and_wrong_are_mcnemars_test() -> None:
    values = [1.0] * 13 + [-1.0] * 4 + [0.0] * 30
    expected = binomtest(4, 17, 0.5).pvalue
    assert sign_flip(values) == pytest.approx(expected)
    assert mcnemar(13, 4) == pytest.approx(expected)
    assert sign_flip([2 * one for one in values]) == pytest.approx(expected)  # the way of whole numbers


@pytest.mark.parametrize(("one", "other"), [(0, 0), (1, 0), (5, 5), (6, 0), (59, 121), (400, 300)])
def test_mcnemar_is_the_binomial_test_of_scipy(one: int, other: int) -> None:
    expected = binomtest(one, one + other, 0.5).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(expected)


def test_mcnemar_holds_for_thousands_of_cases() -> None:
    assert 0 < mcnemar(9_000, 0) < 1e-300
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 3)


def test_a_group_is_flipped_as_one() -> None:
    # Three documents, each with four questions that all say the same: not twelve witnesses, but three.
    values, documents = [0.5] * 12, ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    assert sign_flip(values, documents) == pytest.approx(2 / 2**3)
    assert sign_flip(values) == pytest.approx(2 / 2**12)
    whole = [1.0, 1.0, -1.0, 1.0, 1.0, 1.0]
    # Sums 1, 1, 2 of the documents a, b and c: 2 of 8 flips are as far from zero as 4.
    assert sign_flip(whole, ["a", "b", "b", "b", "c", "c"]) == pytest.approx(2 / 8)


@settings(max_examples=60, deadline=None)
@given(some | right_or_wrong, st.randoms())
def test_it_is_a_chance_that_knows_neither_sides_nor_order(values: list[float], shuffle) -> None:
    p_value = sign_flip(values)
    assert 0 < p_value <= 1
    assert sign_flip([-one for one in values]) == pytest.approx(p_value)
    groups = [n // 3 for n in range(len(values))]
    shuffled = list(zip(values, groups, strict=True))
    grouped = sign_flip(values, groups)
    shuffle.shuffle(shuffled)
    assert sign_flip([one for one, _ in shuffled]) == pytest.approx(p_value)
    assert sign_flip(*map(list, zip(*shuffled, strict=True))) == pytest.approx(grouped)
    assert sign_flip(values, list(range(len(values)))) == pytest.approx(p_value)


def test_where_nothing_differs_nothing_is_found() -> None:
    assert sign_flip([0.0] * 30) == 1.0
    for wrong, said in (([], "nothing"), ([float("nan")], "no number")):
        with pytest.raises(ValueError, match=said):
            sign_flip(wrong)
    with pytest.raises(ValueError, match="2 differences"):
        sign_flip([1.0, 0.5], ["a"])


def test_questions_of_one_document_fool_the_test_only_where_they_are_taken_one_by_one() -> None:
    rng = np.random.default_rng(12)
    runs, documents = 200, np.repeat(np.arange(20), 8).tolist()
    alone = together = 0
    for _ in range(runs):
        # Which arm a document favours is drawn once for all of its questions: truly the arms are alike.
        favours = np.repeat(rng.choice([-1.0, 1.0], 20), 8)
        values = np.where(rng.random(160) < 0.3, favours, 0.0).tolist()
        alone += sign_flip(values) < 0.05
        together += sign_flip(values, documents) < 0.05
    assert together / runs <= 0.05 + 2 * (0.05 * 0.95 / runs) ** 0.5
    assert alone / runs > 0.2
