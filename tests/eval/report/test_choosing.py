from itertools import product

import pytest
from comparisons import ARMS, comparison, figure

from eval.comparison import Comparison
from eval.report.choosing import choose
from eval.report.contrasts import contrast, part_contrasts

_THREE = {name: ARMS[name] for name in ("base", "rag", "hybrid")}


def _without(made: Comparison, one: str, other: str) -> Comparison:
    kept = tuple(each for each in made.differences if {each.one, each.other} != {one, other})
    return made.model_copy(update={"differences": kept})


def test_the_best_arm_is_served_where_each_other_is_shown_to_be_worse() -> None:
    choice = choose(comparison())
    assert choice is not None
    assert choice.shown
    assert choice.serve.name == choice.best.name == "hybrid"
    assert [arm.name for arm in choice.beaten] == ["rag", "tuned", "base", "prompted"]


def test_of_arms_that_are_not_told_apart_one_without_training_is_served() -> None:
    choice = choose(comparison(verdicts={("hybrid", "rag"): "no difference seen"}))
    assert choice is not None
    assert (choice.best.name, choice.serve.name) == ("hybrid", "rag")
    assert choice.enough
    assert not choice.shown


def test_arms_that_too_few_questions_compare_are_not_near_each_other() -> None:
    choice = choose(comparison(verdicts={("hybrid", "rag"): "too few"}))
    assert choice is not None
    assert not choice.enough


def test_a_pair_that_was_not_compared_leaves_the_choice_open() -> None:
    choice = choose(_without(comparison(_THREE, {("rag", "base"): "too few"}), "hybrid", "base"))
    assert choice is not None
    assert [arm.name for arm in choice.rivals] == ["base"]
    assert not choice.enough


def test_an_arm_is_beaten_by_one_that_beats_what_beats_it() -> None:
    choice = choose(_without(comparison(_THREE), "hybrid", "base"))
    assert choice is not None
    assert choice.shown


@pytest.mark.parametrize(
    "verdicts", product(("better", "worse", "no difference seen", "too few"), repeat=2), ids="-".join
)
def test_no_arm_is_called_shown_without_a_verdict_against_each_other(verdicts: tuple[str, str]) -> None:
    made = comparison(_THREE, {("hybrid", "rag"): verdicts[0], ("hybrid", "base"): verdicts[1]})
    choice = choose(made)
    assert choice is not None
    # rag is better than base in each of these, so whatever beats rag beats base.
    assert choice.shown == (verdicts[0] == "better")
    assert ("is shown to be worse" in made.recommendation[0].text) == choice.shown


def test_nothing_is_chosen_where_no_arm_has_a_value() -> None:
    made = comparison(_THREE)
    arms = tuple(arm.model_copy(update={"figures": (figure("token_f1", None),)}) for arm in made.arms)
    assert choose(made.model_copy(update={"arms": arms})) is None


def test_where_low_is_better_the_lowest_is_the_best() -> None:
    made = comparison(
        _THREE, {("rag", "base"): "worse", ("hybrid", "rag"): "worse", ("hybrid", "base"): "worse"}
    )
    facts = tuple(one.model_copy(update={"better": "lower"}) for one in made.measures)
    choice = choose(made.model_copy(update={"measures": facts}))
    assert choice is not None
    assert choice.best.name == "base"
    assert choice.shown


def test_a_difference_is_found_in_either_order_with_its_sign_and_verdict_turned() -> None:
    made = comparison()
    arms = {arm.name: arm for arm in made.arms}
    there = contrast(made, "token_f1", arms["hybrid"], arms["rag"])
    back = contrast(made, "token_f1", arms["rag"], arms["hybrid"])
    assert there is not None
    assert back is not None
    assert there.reference == back.reference == "token_f1:hybrid-rag"
    assert (there.difference.verdict, back.difference.verdict) == ("better", "worse")
    assert back.difference.estimate.low == -there.difference.estimate.high
    assert back.difference.estimate.mean == -there.difference.estimate.mean


def test_each_part_shows_between_the_two_arms_that_differ_in_nothing_else() -> None:
    pairs = {part: (held.one.name, held.other.name) for part, held in part_contrasts(comparison())}
    assert pairs == {
        "prompting": ("prompted", "base"),
        "retrieval": ("rag", "base"),
        "fine-tuning": ("tuned", "base"),
        "fine-tuning on top of retrieval": ("hybrid", "rag"),
        "retrieval on top of fine-tuning": ("hybrid", "tuned"),
    }
