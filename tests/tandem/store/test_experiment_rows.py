"""Experiments and what was seen in them, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from experiment_rows import BASE, MINE, OPS, PLAN, running, saw, users, worded

from tandem.errors import ConflictError, NotFoundError
from tandem.experiments.assigning import grown
from tandem.store import Challenger, ExperimentState, Guardrail, GuardrailMetric, Metric, Plan, Store


def test_an_experiment_comes_back_as_it_was_written_down(store: Store) -> None:
    plan = Plan(
        "shadow",
        (Challenger("challenger", MINE, 0.05, 0.5), Challenger("challenger-2", BASE, 0.1, 0.1)),
        "conversation",
        Metric.FIRST_TOKEN,
        False,
        50.0,
        ("acme", "b\x00c"),
        ("docs",),
        (Guardrail(GuardrailMetric.FAILED, 0.02),),
        True,
        1.5,
        100,
    )
    made = store.add_experiment("trial", plan, OPS)
    assert store.experiment("trial") == store.experiment(made.id) == made
    assert (made.plan, made.state, made.author, made.slices) == (plan, "draft", "user:ops", ())
    assert store.running_experiments() == []
    with pytest.raises(ConflictError, match="'trial' already"):
        store.add_experiment("trial", plan, OPS)
    with pytest.raises(NotFoundError):
        store.experiment("nosuch")


def test_the_steps_of_a_life_are_taken_once_and_are_all_in_the_audit_log(store: Store) -> None:
    made = running(store, challengers=(Challenger("challenger", MINE, 0.05, 0.5),))
    assert (made.state, made.champion, made.served, made.counted_from) == ("running", BASE, "base", None)
    assert [one.name for one in store.running_experiments()] == ["trial"]
    bigger = store.grow_experiment("trial", lambda one: grown(one.slices, {"challenger": 0.25}), OPS)
    assert (bigger.share("challenger"), bigger.share("champion"), bigger.counted_from) == (0.25, 0.75, None)
    final = store.grow_experiment("trial", lambda one: grown(one.slices, {"challenger": 0.5}), OPS)
    assert final.counted_from is not None
    ended = store.end_experiment("trial", ExperimentState.DECIDED, "better", OPS, "challenger")
    assert (ended.state, ended.winner, ended.why) == ("decided", "challenger", "better")
    with pytest.raises(ConflictError, match="decided, not running"):
        store.end_experiment("trial", ExperimentState.STOPPED, "late", OPS)
    with pytest.raises(ConflictError, match="decided, not draft"):
        store.start_experiment("trial", lambda one, others: {}, OPS)
    store.note_promotion("trial", "challenger", OPS)
    assert store.experiment("trial").promoted_at is not None
    said = [(one.action, one.subject, one.object) for one in reversed(store.audit_entries("acme"))]
    steps = ("created", "started", "grown", "grown", "decided", "promoted")
    assert said == [(f"experiment.{step}", "user:ops", "trial") for step in steps]
    assert store.verify_audit() is not None


def test_what_keeps_it_from_starting_leaves_a_draft(store: Store) -> None:
    store.add_experiment("trial", PLAN, OPS)

    def refused(draft: object, others: object) -> dict:
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        store.start_experiment("trial", refused, OPS)
    assert store.experiment("trial").state is ExperimentState.DRAFT


def test_of_many_that_end_it_at_once_one_does(store: Store) -> None:
    running(store)

    def end(place: int) -> bool:
        try:
            store.end_experiment("trial", ExperimentState.STOPPED, str(place), OPS)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(end, range(8))) == 1


def test_of_many_with_one_name_one_is_written_down(store: Store) -> None:
    def write(place: int) -> bool:
        try:
            store.add_experiment("trial", PLAN, OPS)
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(8))) == 1


def test_a_unit_s_answers_are_one_line_of_means(store: Store) -> None:
    trial = running(store)
    one, two = users(trial, "challenger", 2)
    saw(store, trial, "challenger", [one], total_ms=50.0, cited=0.5, first_token_ms=10.0)
    saw(store, trial, "challenger", [one], outcome="abstained", total_ms=200.0, first_token_ms=30.0)
    saw(store, trial, "challenger", [one], outcome="failed", total_ms=9_000.0)
    saw(store, trial, "challenger", [two], outcome="degraded", quality=0.25)
    first, second = store.experiment_units(trial.id, slow_ms=100.0)
    assert (first.arm, first.unit, first.answers) == ("challenger", one, 3)
    assert (first.failed, first.abstained, first.slow) == (pytest.approx(1 / 3), 0.5, 0.5)
    assert (first.cited, first.first_token_ms, first.quality) == (0.5, 20.0, None)
    assert (second.failed, second.abstained, second.slow, second.quality) == (1.0, None, None, 0.25)
    assert store.experiment_units(trial.id)[0].slow is None
    assert store.experiment_units(trial.id, since=datetime(2100, 1, 1, tzinfo=UTC)) == []
    assert store.experiment_units(trial.id, tenant="other") == []
    assert store.experiment_units("another") == []


def test_a_shadow_is_paired_with_the_answer_that_was_shown(store: Store) -> None:
    trial = running(store, mode="shadow")
    unit = users(trial, "challenger", 1)
    saw(store, trial, "champion", unit, trace_id="t1", citations=2)
    saw(store, trial, "challenger", unit, trace_id="t1-challenger", shadow=True, outcome="abstained")
    saw(store, trial, "champion", unit, trace_id="alone")
    store.add_trace(worded("t1", "At seven."))
    store.add_trace(worded("t1-challenger", "No idea."))
    (pair,) = store.shadow_pairs(trial.id)
    assert (pair.trace_id, pair.arm, pair.unit) == ("t1", "challenger", unit[0])
    assert (pair.shown.citations, pair.shown.outcome, pair.shadow.outcome) == (2, "answered", "abstained")
    assert (pair.question, pair.shown_text) == (None, None)
    (worded_pair,) = store.shadow_pairs(trial.id, words=True, tenant="acme")
    said = (worded_pair.question, worded_pair.shown_text, worded_pair.shadow_text)
    assert said == ("When?", "At seven.", "No idea.")
    assert store.shadow_pairs(trial.id, tenant="other") == []


def test_shadows_that_were_not_made_are_counted(store: Store) -> None:
    trial = running(store, mode="shadow")
    store.count_dropped(trial.id, 2)
    store.count_dropped(trial.id, 3)
    assert store.experiment("trial").dropped == 5
