"""What an experiment has shown, and when that is enough."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from experiment_rows import MINE, OPS, running, saw, users, voted, worded

from tandem.experiments import Result, ending_of, result_of
from tandem.experiments.assigning import grown
from tandem.experiments.results import Standing
from tandem.settings import StoreSettings
from tandem.store import (
    Challenger,
    Experiment,
    ExperimentState,
    Guardrail,
    GuardrailMetric,
    Metric,
    Store,
    open_store,
)

NOW = datetime.now(UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """What is counted on both databases is `test_experiment_rows`'s to show."""
    store = open_store(StoreSettings(), tmp_path)
    yield store
    store.close()


def abstaining(store: Store, trial: Experiment, arm: str, abstained: int, answered: int) -> None:
    units = users(trial, arm, abstained + answered)
    saw(store, trial, arm, units[:abstained], outcome="abstained")
    saw(store, trial, arm, units[abstained:])


def result(store: Store, trial: Experiment, **options: object) -> Result:
    return result_of(store.experiment(trial.name), store, **options)


def test_before_anybody_asked_nothing_is_known(store: Store) -> None:
    trial = running(store)
    found = result(store, trial)
    (comparison,) = found.comparisons
    assert (comparison.effect.estimate, comparison.effect.low, comparison.effect.p) == (None, None, 1.0)
    assert (comparison.standing, comparison.needed, found.units) == (Standing.OPEN, None, 0)
    assert ending_of(trial, found, NOW) is None


@pytest.mark.parametrize(
    ("challenger", "champion", "standing", "winner"),
    [
        ((10, 90), (60, 40), Standing.BETTER, "challenger"),
        ((60, 40), (10, 90), Standing.WORSE, None),
        ((30, 370), (30, 370), Standing.ALIKE, None),
    ],
)
def test_the_test_decides_for_the_better_one_and_else_for_the_champion(
    store: Store,
    challenger: tuple[int, int],
    champion: tuple[int, int],
    standing: Standing,
    winner: str | None,
) -> None:
    trial = running(store)
    abstaining(store, trial, "challenger", *challenger)
    abstaining(store, trial, "champion", *champion)
    found = result(store, trial)
    assert found.comparisons[0].standing is standing
    ending = ending_of(trial, found, NOW)
    assert ending is not None
    assert (ending.state, ending.winner) == (ExperimentState.DECIDED, winner)
    assert f"challenger is {standing.value}: abstained" in ending.why


def test_an_open_one_says_how_many_units_it_still_takes(store: Store) -> None:
    trial = running(store)
    abstaining(store, trial, "challenger", 10, 20)
    abstaining(store, trial, "champion", 12, 18)
    found = result(store, trial, now=datetime.now(UTC) + timedelta(days=3))
    (comparison,) = found.comparisons
    assert comparison.standing is Standing.OPEN
    assert comparison.needed is not None
    assert 200 < comparison.needed < 700
    assert comparison.days_left == pytest.approx((comparison.needed - 60) / 20, rel=0.01)
    assert ending_of(trial, found, NOW) is None


def test_a_user_who_asks_a_hundred_times_is_one_unit(store: Store) -> None:
    trial = running(store)
    (often,) = users(trial, "challenger", 1)
    saw(store, trial, "challenger", [often] * 100, outcome="abstained")
    saw(store, trial, "challenger", users(trial, "challenger", 4)[1:])
    mine = next(one for one in result(store, trial).arms if one.arm == "challenger")
    assert (mine.units, mine.answers, mine.means[Metric.ABSTAINED]) == (4, 103, 0.25)


def test_feedback_decides_by_the_units_that_voted(store: Store) -> None:
    trial = running(store, metric=Metric.FEEDBACK, higher_is_better=True)
    ours, theirs = users(trial, "challenger", 80), users(trial, "champion", 80)
    voted(store, trial, "challenger", ours[:55], "up")
    voted(store, trial, "champion", theirs[:10], "up")
    voted(store, trial, "champion", theirs[10:55], "down")
    saw(store, trial, "challenger", ours)
    saw(store, trial, "champion", theirs)
    found = result(store, trial)
    assert {one.arm: (one.units, one.valued) for one in found.arms} == {
        "challenger": (80, 55),
        "champion": (80, 55),
    }
    assert found.comparisons[0].standing is Standing.BETTER


@pytest.mark.parametrize(
    ("metric", "limit", "figures", "broken"),
    [
        (GuardrailMetric.FAILED, 0.05, {"outcome": "failed"}, True),
        (GuardrailMetric.FAILED, 0.05, {"outcome": "answered"}, False),
        (GuardrailMetric.ABSTAINED, 0.3, {"outcome": "abstained"}, True),
        (GuardrailMetric.P95_LATENCY, 100.0, {"total_ms": 150.0}, True),
        (GuardrailMetric.P95_LATENCY, 100.0, {"total_ms": 90.0}, False),
    ],
)
def test_a_guardrail_that_is_broken_stops_it(
    store: Store, metric: GuardrailMetric, limit: float, figures: dict, broken: bool
) -> None:
    trial = running(store, guardrails=(Guardrail(metric, limit),))
    saw(store, trial, "challenger", users(trial, "challenger", 60), **figures)
    found = result(store, trial)
    assert [one.broken for one in found.guardrails] == [broken]
    ending = ending_of(trial, found, NOW)
    assert (ending is not None) is broken
    if ending:
        assert ending.state is ExperimentState.STOPPED
        assert ending.why.startswith("Guardrail broken by challenger")


def test_votes_against_a_challenger_break_its_guardrail(store: Store) -> None:
    trial = running(store, guardrails=(Guardrail(GuardrailMetric.NEGATIVE_FEEDBACK, 0.3),))
    voted(store, trial, "challenger", users(trial, "challenger", 40), "down")
    (guard,) = result(store, trial).guardrails
    assert (guard.units, guard.share, guard.broken) == (40, 1.0, True)


def test_it_stops_after_its_longest_time_and_after_its_most_units(store: Store) -> None:
    trial = running(store, max_days=2.0, max_units=10)
    found = result(store, trial)
    late = ending_of(trial, found, datetime.now(UTC) + timedelta(days=2))
    assert late is not None
    assert (late.state, late.why) == (
        ExperimentState.STOPPED,
        "Undecided after its longest time, 2 days",
    )
    abstaining(store, trial, "challenger", 2, 4)
    abstaining(store, trial, "champion", 2, 2)
    full = ending_of(trial, result(store, trial), NOW)
    assert full is not None
    assert full.why == "Undecided after its most units, 10"


def test_a_challenger_that_is_still_to_grow_is_not_decided_by_but_guarded(store: Store) -> None:
    trial = running(
        store,
        challengers=(Challenger("challenger", MINE, 0.25, 0.5),),
        guardrails=(Guardrail(GuardrailMetric.ABSTAINED, 0.95),),
    )
    abstaining(store, trial, "challenger", 10, 90)
    abstaining(store, trial, "champion", 60, 40)
    found = result(store, trial)
    assert found.comparisons[0].standing is Standing.GROWING
    assert found.guardrails[0].units == 100
    assert ending_of(trial, found, NOW) is None


def test_after_the_growth_only_what_is_seen_from_then_on_counts_and_everybody_once(store: Store) -> None:
    trial = running(store, challengers=(Challenger("challenger", MINE, 0.1, 0.5),))
    everybody = users(trial, "champion", 60)
    saw(store, trial, "champion", everybody, outcome="abstained")
    big = store.grow_experiment("trial", lambda one: grown(one.slices, {"challenger": 0.5}), OPS)
    stayed = users(big, "champion", 30)
    moved = [one for one in everybody if one not in users(big, "champion", 200)]
    assert moved
    saw(store, big, "champion", stayed)
    saw(store, big, "challenger", moved)
    found = result(store, big)
    arms = {one.arm: one for one in found.arms}
    assert arms["champion"].units == 30
    assert arms["challenger"].units == len(moved)
    assert arms["champion"].means[Metric.ABSTAINED] == 0.0
    assert found.units == 30 + len(moved)


def test_two_challengers_share_the_level_and_the_best_one_wins(store: Store) -> None:
    pair = (
        Challenger("challenger", MINE, 0.3, 0.3),
        Challenger("challenger-2", "other@cccccccccccc", 0.3, 0.3),
    )
    trial = running(store, challengers=pair)
    abstaining(store, trial, "challenger", 30, 70)
    abstaining(store, trial, "challenger-2", 2, 98)
    abstaining(store, trial, "champion", 70, 30)
    found = result(store, trial)
    ending = ending_of(trial, found, NOW)
    assert ending is not None
    assert ending.winner == "challenger-2"
    alone = running(store, "alone")
    abstaining(store, alone, "challenger", 30, 70)
    abstaining(store, alone, "champion", 70, 30)
    (single,) = result(store, alone).comparisons
    double = found.comparisons[0]
    assert double.effect.high > single.effect.high
    assert double.effect.p > single.effect.p


def test_answers_in_a_challenger_s_place_are_counted_and_kept_apart(store: Store) -> None:
    trial = running(store)
    saw(store, trial, "challenger:unserved", users(trial, "challenger", 3), outcome="abstained")
    arms = {one.arm: one for one in result(store, trial).arms}
    assert (arms["challenger"].unserved, arms["challenger"].units, arms["champion"].units) == (3, 0, 0)


def test_one_tenant_s_result_is_of_its_own_answers(store: Store) -> None:
    trial = running(store)
    saw(store, trial, "challenger", users(trial, "challenger", 5))
    saw(store, trial, "challenger", users(trial, "challenger", 7, "other"), tenant="other")
    counts = [result(store, trial, tenant=one).units for one in (None, "acme", "other", "nobody")]
    assert counts == [12, 5, 7, 0]


def test_shadow_mode_compares_both_answers_to_the_same_question(store: Store) -> None:
    trial = running(store, mode="shadow", guardrails=(Guardrail(GuardrailMetric.FAILED, 0.5),))
    units = users(trial, "challenger", 40)
    for place, unit in enumerate(units):
        saw(store, trial, "champion", [unit], trace_id=f"t{place}", total_ms=100.0, quality=0.5, citations=1)
        outcome = "failed" if place == 0 else "answered"
        saw(
            store,
            trial,
            "challenger",
            [unit],
            trace_id=f"t{place}-challenger",
            shadow=True,
            outcome=outcome,
            total_ms=400.0,
            quality=0.75,
            citations=1,
        )
        store.add_trace(worded(f"t{place}", "It closes at seven [1]."))
        store.add_trace(worded(f"t{place}-challenger", "It closes at eight."))
    found = result(store, trial)
    figures = {one.figure: one for one in found.pairs}
    assert figures["total_ms"].difference == 300.0
    assert figures["total_ms"].pairs == 39
    assert figures["quality"].difference == 0.25
    assert figures["failed"].challenger == pytest.approx(1 / 40)
    low, high = figures["quality"].low, figures["quality"].high
    assert low is not None and high is not None
    assert low <= 0.25 <= high
    assert figures["agreement"].challenger == pytest.approx(0.75)
    assert (found.comparisons, ending_of(trial, found, NOW)) == ([], None)
    assert result(store, trial, words=False).pairs == []
