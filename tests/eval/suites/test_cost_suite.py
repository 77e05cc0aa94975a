"""What answers take and cost, by hand."""

import pytest
from eval_replies import DOWN, case, reply

from eval.suites.cost import Prices, cost_of, score_cost
from tandem.errors import InvalidRequestError

REPLIES = [
    reply(
        "x",
        f"c{n}",
        seconds=float(n + 1),
        first_token_s=None if n == 3 else 0.1 * (n + 1),
        tokens_in=100,
        tokens_out=20,
    )
    for n in range(4)
] + [reply(name="c4", failure=DOWN, seconds=60.0)]


def test_figures_are_of_the_answers_and_of_the_time_in_which_they_were_made() -> None:
    cost = cost_of(REPLIES, busy_s=5.0, training_s=60.0)
    assert (cost.seconds_p50, cost.seconds_p95) == (2.5, pytest.approx(3.85))
    assert (cost.first_token_s_p50, cost.first_token_s_p95) == pytest.approx((0.2, 0.29))
    assert (cost.tokens_in, cost.tokens_out, cost.tokens_per_s) == (100, 20, 16)
    assert (cost.money_per_1000, cost.money_basis) == (None, "no price was given")
    assert cost.training_s == 60


def test_money_is_of_tokens_or_of_the_machine() -> None:
    table = cost_of(REPLIES, 5.0, Prices(per_million_in=2.0, per_million_out=10.0, currency="EUR"))
    assert table.money_per_1000 == pytest.approx(1_000 * (100 * 2 + 20 * 10) / 1_000_000)
    assert table.money_basis == "2 EUR a million tokens read, 10 EUR written"
    machine = cost_of(REPLIES, 5.0, Prices(per_hour=3.6))
    assert machine.money_per_1000 == pytest.approx(1_000 * 5 / 4 / 3_600 * 3.6)
    assert cost_of(REPLIES, 5.0, Prices(per_hour=0.0)).money_per_1000 == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"per_million_in": 1.0},
        {"per_million_in": 1.0, "per_million_out": 1.0, "per_hour": 1.0},
        {"per_hour": -1.0},
        {"per_hour": float("nan")},
    ],
)
def test_half_a_price_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidRequestError):
        Prices(**wrong)


def test_there_is_no_cost_of_nothing() -> None:
    with pytest.raises(ValueError, match="no answer"):
        cost_of([REPLIES[-1]], 5.0)
    with pytest.raises(ValueError, match="no answer"):
        cost_of(REPLIES, 0.0)


def test_each_answer_has_its_seconds_and_a_failed_one_fails() -> None:
    scores = {one.measure.name: one for one in score_cost([case(f"c{n}") for n in range(5)], REPLIES)}
    assert scores["seconds"].values == {f"c{n}": n + 1 for n in range(4)}
    assert set(scores["seconds"].failed) == {"c4"}
    assert scores["first_token_s"].passed_over == {"c3": "nothing was streamed"}
    assert scores["seconds"].bounds() is None
