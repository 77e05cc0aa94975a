"""How readily "I don't know" is said: the bias by the evidence, and what an adapter's metrics may hold of it."""

from itertools import pairwise
from math import log

import pytest

from tandem.abstention import Abstaining, abstaining_of
from tandem.errors import InvalidRequestError


def test_the_bias_is_that_of_evidence_of_one_half_and_falls_with_the_evidence() -> None:
    made = Abstaining(token=57, bias=-1.5, evidence=2.0)
    assert made.bias_for(0.5) == pytest.approx(-1.5)
    assert made.bias_for(0.8) == pytest.approx(-1.5 - 2 * log(4))
    biases = [made.bias_for(n / 20) for n in range(1, 20)]
    assert all(one > other for one, other in pairwise(biases))


def test_evidence_that_is_certain_gives_a_bias_that_engines_take() -> None:
    made = Abstaining(token=57, bias=0.0, evidence=20.0)
    assert made.bias_for(0.0) == 100.0
    assert made.bias_for(1.0) == -100.0
    assert Abstaining(57, 0.0, 1.0).bias_for(0.0) == pytest.approx(log(999))


def test_evidence_that_has_no_weight_moves_nothing() -> None:
    assert {Abstaining(57, 0.7, 0.0).bias_for(evidence) for evidence in (0.0, 0.3, 1.0)} == {0.7}


def test_metrics_hold_it_among_the_figures_it_was_found_with() -> None:
    said = {"token": 57, "bias": -1, "evidence": 0.5, "wrongly": 0.15, "auroc": 0.8}
    assert abstaining_of({"validation_loss": 0.5, "abstaining": said}) == Abstaining(57, -1.0, 0.5)
    assert abstaining_of({"validation_loss": 0.5}) is None


@pytest.mark.parametrize(
    "said",
    [{}, {"token": 57, "bias": float("nan"), "evidence": 1}, {"token": "I", "bias": 1, "evidence": 1}, 3],
)
def test_metrics_that_hold_something_else_are_refused_by_name(said: object) -> None:
    with pytest.raises(InvalidRequestError, match="abstaining"):
        abstaining_of({"abstaining": said})
