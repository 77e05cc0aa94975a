"""Figures of a window are what the answers in it come to, on both databases."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from watched import NOW, keep, seen, several

from tandem.monitoring import Figures, Moments
from tandem.monitoring.figures import Quantiles
from tandem.store import Store, Window

HOUR = Window(NOW - timedelta(hours=1), NOW)


def test_every_outcome_is_counted(store: Store) -> None:
    keep(
        store,
        several(3),
        seen(outcome="abstained", cited=None, evidence=0.1),
        seen(outcome="degraded", cited=None),
        seen(outcome="failed", evidence=None, first_token_ms=None, total_ms=60_000.0, cited=None),
        seen(passages=0, evidence=0.0, outcome="abstained", cached=True, outside=True, cited=0.5),
    )
    found = store.figures(HOUR)
    assert (found.answers, found.answered, found.abstained, found.degraded, found.failed) == (7, 3, 2, 1, 1)
    assert (found.searched, found.empty, found.cached, found.outside) == (6, 1, 1, 1)
    assert (found.tokens_in, found.tokens_out) == (700, 140)
    assert found.cited == Moments(4, 3.5, 3.25)
    assert found.total == Quantiles(6, 900.0, 900.0), "what failed after a minute was no slow answer"


def test_nothing_is_counted_of_nothing(store: Store) -> None:
    assert store.figures(HOUR) == Figures()
    assert store.figures_by_recipe(HOUR) == []


def test_a_window_narrows_by_time_tenant_recipe_and_experiment_and_leaves_shadows_out(store: Store) -> None:
    keep(
        store,
        seen(at=HOUR.since),
        seen(at=NOW),
        seen(at=HOUR.since - timedelta(seconds=1)),
        seen(shadow=True),
        seen(tenant="other"),
        seen(recipe="rag@bbbbbbbbbbbb", experiment="x"),
        seen(recipe="ragged@cccccccccccc", experiment="x"),
    )

    def counted(**narrow: str) -> int:
        return store.figures(Window(HOUR.since, NOW, **narrow)).answers

    assert counted() == 4
    assert counted(tenant="other") == 1
    assert counted(recipe="rag") == 3
    assert counted(recipe="rag@bbbbbbbbbbbb") == 1
    assert counted(experiment="x") == 2
    assert counted(experiment="x", not_recipe="rag") == 1
    assert store.experiments_seen(HOUR.since) == ["x"]


def test_recipes_are_told_apart_the_busiest_first(store: Store) -> None:
    keep(store, seen(first_token_ms=100.0), several(2, recipe="hybrid@dddddddddddd", first_token_ms=300.0))
    found = store.figures_by_recipe(HOUR)
    assert [(one.recipe, one.answers, one.first_token.p95) for one in found] == [
        ("hybrid@dddddddddddd", 2, 300.0),
        ("rag@aaaaaaaaaaaa", 1, 100.0),
    ]


def test_a_score_is_proven_only_where_its_judge_was(store: Store) -> None:
    answers = [seen() for _ in range(3)]
    keep(store, *answers)
    for one, proven in zip(answers, (True, False), strict=False):
        assert store.claim_judging(one.trace_id, "faithfulness", NOW)
        store.end_judging(one.trace_id, NOW, quality=0.5, proven=proven)
    store.judge_observation(answers[2].trace_id, 1.0)
    found = store.figures(HOUR)
    assert (found.quality, found.quality_proven) == (Moments(3, 2.0, 1.5), 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(values=st.lists(st.floats(0, 1e4), min_size=1, max_size=30))
def test_percentiles_are_those_of_nearest_rank(store: Store, values: list[float]) -> None:
    recipe = f"p@{abs(hash(tuple(values))):012x}"[:40]
    keep(store, *(seen(recipe=recipe, first_token_ms=value) for value in values))
    found = store.figures(Window(HOUR.since, NOW, recipe=recipe)).first_token
    known = [one.first_token_ms for one in store.observations(since=HOUR.since, recipe=recipe)]
    ordered = sorted(value for value in known if value is not None)
    assert found.n == len(ordered)
    assert found.p50 == ordered[-(-len(ordered) // 2) - 1]
    assert found.p95 == ordered[max(0, -(-len(ordered) * 95 // 100) - 1)]
