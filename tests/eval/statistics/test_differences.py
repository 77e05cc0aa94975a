"""A winner is named only where the figures allow it."""

from typing import Literal

import numpy as np
import pytest

from eval.comparison import Difference
from eval.measure import Measure, Scores, Stage, Unit
from eval.statistics import Family, benjamini_hochberg, differences, differences_of


def measure(
    unit: Unit = "share", better: Literal["higher", "lower", "neither"] = "higher", name: str = "token_f1"
) -> Measure:
    return Measure(name, "F1 of words", Stage.GENERATION, "How many words are right.", unit, better)


F1 = measure()


def scores(
    values: list[float], failed: tuple[str, ...] = (), of: Measure = F1, passed_over: tuple[str, ...] = ()
) -> Scores:
    named = {f"q{n:03}": value for n, value in enumerate(values)}
    return Scores(
        of,
        {case: value for case, value in named.items() if case not in (*failed, *passed_over)},
        dict.fromkeys(failed, "timed out"),
        dict.fromkeys(passed_over, "no reference"),
    )


def the_only(found: list[Difference]) -> Difference:
    (one,) = found
    return one


def compared(one: Scores, other: Scores, **options) -> Difference:
    return the_only(differences({"a": one, "b": other}, [("a", "b")], **options))


def test_a_clear_difference_has_a_winner_and_its_mirror_a_loser() -> None:
    good, bad = scores([1.0] * 60 + [0.0] * 40), scores([0.0] * 40 + [1.0] * 20 + [0.0] * 40)
    found = compared(good, bad)
    assert found.verdict == "better"
    assert found.estimate.mean == pytest.approx(0.4)
    assert found.estimate.low > 0
    assert (found.cases, found.failed, found.clusters) == (100, 0, None)
    assert found.p_value == pytest.approx(2 / 2**40)
    assert compared(bad, good).verdict == "worse"
    assert compared(bad, good).estimate.low == pytest.approx(-found.estimate.high)


def test_of_seconds_fewer_are_better_and_5_percent_matter() -> None:
    seconds = measure("seconds", "lower", "seconds")
    rng = np.random.default_rng(1)
    slow = rng.normal(4.0, 0.1, 80)
    quick, alike = slow - 1 + rng.normal(0, 0.1, 80), slow + rng.normal(0, 0.1, 80)
    assert compared(scores(quick.tolist(), of=seconds), scores(slow.tolist(), of=seconds)).verdict == "better"
    same = compared(scores(alike.tolist(), of=seconds), scores(slow.tolist(), of=seconds))
    assert same.verdict == "no difference seen"
    assert same.detectable < 0.05 * 4


def test_few_questions_show_nothing_and_say_how_many_it_takes() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.integers(0, 2, (2, 40)).astype(float).tolist()
    found = compared(scores(one), scores(other))
    assert found.verdict == "too few"
    assert found.detectable > 0.05
    assert found.needed > 40 * (found.detectable / 0.05) ** 2 * 0.9
    assert compared(scores(one), scores(other), smallest=0.6).verdict == "no difference seen"


def test_a_few_equal_answers_are_no_proof_of_equality() -> None:
    assert compared(scores([1.0] * 10), scores([1.0] * 10)).verdict == "too few"
    assert compared(scores([1.0] * 100), scores([1.0] * 100)).verdict == "no difference seen"


def test_many_comparisons_need_more_proof_than_one() -> None:
    # 9 wins to 1 are significant alone (p = 0.021), and not among ten pairs.
    one, other = scores([1.0] * 9 + [0.0] * 91), scores([0.0] * 9 + [1.0] + [0.0] * 90)
    assert compared(one, other, smallest=0.2).verdict == "better"
    arms = {"a": one, "b": other, "c": other}
    pairs = [("a", "b"), *[("b", "c")] * 9]
    first = differences(arms, pairs, smallest=0.2)[0]
    assert first.p_value == pytest.approx(0.0215, abs=1e-4)
    assert first.p_adjusted == pytest.approx(10 * first.p_value)
    assert first.verdict == "no difference seen"
    together = differences_of(
        [Family(arms), Family(arms, "hard", {"q000", "q001"})],
        [("a", "b")],
        correct=benjamini_hochberg,
        smallest=0.2,
    )
    assert [each.slice for each in together] == [None, "hard"]
    assert together[1].cases == 2
    assert together[0].p_adjusted == pytest.approx(2 * first.p_value)


def test_questions_of_one_document_are_not_many_witnesses() -> None:
    rng = np.random.default_rng(5)
    of_document = np.repeat(rng.choice([-1.0, 1.0], 14, p=[0.3, 0.7]), 10)
    one, other = (
        scores((of_document > 0).astype(float).tolist()),
        scores((of_document < 0).astype(float).tolist()),
    )
    clusters = {f"q{n:03}": f"d{n // 10}" for n in range(140)}
    assert compared(one, other).verdict == "better"
    found = compared(one, other, clusters=clusters)
    assert found.verdict == "too few"
    assert found.clusters == 14
    assert found.needed > 140


def test_failures_are_told_and_a_verdict_that_they_could_turn_is_none() -> None:
    wins = [1.0] * 12 + [0.0] * 88
    other = scores([0.0] * 100)
    few = compared(scores(wins, failed=("q099",)), other)
    assert (few.verdict, few.failed, few.cases, few.doubtful) == ("better", 1, 99, False)
    failed = tuple(f"q{n:03}" for n in range(90, 100))
    many = compared(scores(wins), scores([0.0] * 100, failed=failed))
    assert (many.verdict, many.failed, many.doubtful) == ("too few", 10, True)
    assert many.p_adjusted < 0.05
    assert compared(other, scores(wins, failed=failed)).doubtful is False  # they can only make it worse
    grouped = compared(
        scores(wins),
        scores([0.0] * 100, failed=failed),
        clusters={f"q{n:03}": f"d{n // 2}" for n in range(100)},
    )
    assert grouped.doubtful


def test_what_a_measure_passes_over_is_no_failure() -> None:
    over = tuple(f"q{n:03}" for n in range(50))
    found = compared(scores([1.0] * 100, passed_over=over), scores([1.0] * 100, failed=("q000", "q099")))
    assert (found.cases, found.failed) == (49, 1)


def test_where_there_is_nothing_to_compare_nothing_is_said() -> None:
    assert differences({"a": scores([1.0]), "b": scores([0.0])}, [("a", "b")]) == []
    tokens = measure("tokens", "neither")
    arms = {"a": scores([1.0] * 9, of=tokens), "b": scores([2.0] * 9, of=tokens)}
    assert differences(arms, [("a", "b")]) == []
    with pytest.raises(KeyError):
        differences({"a": scores([1.0])}, [("a", "b")])
    with pytest.raises(ValueError, match="different measures"):
        compared(scores([1.0] * 3), scores([1.0] * 3, of=measure(name="exact_match")))


def test_the_order_of_the_cases_does_not_matter() -> None:
    rng = np.random.default_rng(7)
    one, other = scores(rng.random(50).tolist()), scores(rng.random(50).tolist())
    turned = Scores(F1, dict(reversed(list(one.values.items()))))
    assert compared(one, other) == compared(turned, other)


def test_arms_that_are_alike_are_told_apart_in_at_most_one_run_of_twenty() -> None:
    rng = np.random.default_rng(11)
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    named, runs = 0, 120
    for _ in range(runs):
        hard = rng.random(60) * 0.6
        arms = {
            arm: scores(np.where(rng.random(60) < hard, 0.0, rng.beta(0.8, 1.2, 60)).tolist())
            for arm in "abc"
        }
        named += any(each.verdict in ("better", "worse") for each in differences(arms, pairs))
    assert named <= 6 + 2 * (120 * 0.05 * 0.95) ** 0.5


def test_a_difference_goes_through_json() -> None:
    found = compared(scores([1.0, 0.0]), scores([1.0, 0.5]))
    assert Difference.model_validate_json(found.model_dump_json()) == found
