"""Who gets which recipe."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from tandem.errors import InvalidRequestError
from tandem.experiments.assigning import PLACES, arm_at, grown, is_in_scope, overlaps, place_of, unit_of
from tandem.store import Challenger, Experiment, ExperimentState, Metric, Plan

PLAN = Plan("split", (Challenger("challenger", "mine@1", 0.05, 0.5),), "user", Metric.FEEDBACK, True, 0.05)


def experiment(name: str = "e", **plan: object) -> Experiment:
    from dataclasses import replace

    made = replace(PLAN, **plan)
    return Experiment(name, name, made, ExperimentState.RUNNING, "t", "a", datetime(2026, 1, 1, tzinfo=UTC))


def units(count: int, name: str = "e") -> list[str]:
    return [unit_of(experiment(name), "t", f"user {n}", None) for n in range(count)]


def test_users_are_spread_evenly_over_the_places() -> None:
    places = [place_of(unit) for unit in units(20_000)]
    counts = [0] * 20
    for place in places:
        assert 0 <= place < PLACES
        counts[place * 20 // PLACES] += 1
    assert chisquare(counts).pvalue > 0.01


def test_another_experiment_spreads_the_same_users_independently() -> None:
    counts = [0] * 4
    for one, other in zip(units(20_000, "one"), units(20_000, "two"), strict=True):
        counts[2 * (place_of(one) < PLACES // 2) + (place_of(other) < PLACES // 2)] += 1
    assert chisquare(counts).pvalue > 0.01


def test_shares_are_met_as_near_as_chance_allows() -> None:
    slices = grown((), {"a": 0.05, "b": 0.3})
    arms = [arm_at(slices, unit) for unit in units(20_000)]
    seen = [arms.count(arm) for arm in ("a", "b", "champion")]
    assert chisquare(seen, [1_000, 6_000, 13_000]).pvalue > 0.01


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4_950)), min_size=1, max_size=8))
def test_a_share_that_grows_moves_nobody_out_of_a_challenger(steps: list[tuple[str, int]]) -> None:
    known = units(100)
    slices, shares = (), {"a": 0, "b": 0}
    before = dict.fromkeys(known, "champion")
    for arm, share in steps:
        shares[arm] = max(shares[arm], share)
        slices = grown(slices, {name: value / PLACES for name, value in shares.items()})
        now = {unit: arm_at(slices, unit) for unit in known}
        assert all(now[unit] == arm for unit, arm in before.items() if arm != "champion")
        before = now
    for arm, share in shares.items():
        assert sum(one.end - one.start for one in slices if one.arm == arm) == share


def test_a_share_does_not_shrink_and_all_of_them_fit() -> None:
    slices = grown((), {"a": 0.25})
    with pytest.raises(InvalidRequestError, match="cannot shrink"):
        grown(slices, {"a": 0.2})
    with pytest.raises(InvalidRequestError, match=r"110\.00%"):
        grown(slices, {"b": 0.85})
    assert grown(slices, {"a": 0.25}) == slices


def test_a_unit_is_the_user_or_else_the_conversation_or_else_the_request() -> None:
    one = experiment()
    assert unit_of(one, "t", "ann", "c1") == unit_of(one, "t", "ann", "c2") != unit_of(one, "t", "bob", "c1")
    assert unit_of(one, "t", None, "c1") == unit_of(one, "t", None, "c1") != unit_of(one, "t", None, "c2")
    assert unit_of(one, "t", None, None) != unit_of(one, "t", None, None)
    assert unit_of(one, "t", "ann", None) != unit_of(one, "u", "ann", None)
    kinds = [unit_of(one, "t", *names)[0] for names in (("ann", "c"), (None, "c"), (None, None))]
    assert kinds == ["u", "c", "r"]
    by_conversation = experiment(unit="conversation")
    assert unit_of(by_conversation, "t", "ann", "c1") == unit_of(by_conversation, "t", "bob", "c1")
    assert unit_of(experiment(unit="request"), "t", "ann", "c1")[0] == "r"
    assert "ann" not in unit_of(one, "t", "ann", None)


def test_a_name_that_is_no_text_is_a_unit_all_the_same() -> None:
    assert len(unit_of(experiment(), "t", "\ud800\x00", None)) == 41


@pytest.mark.parametrize(
    ("plan", "corpora", "inside"),
    [
        ({}, None, True),
        ({"tenants": ("t",)}, None, True),
        ({"tenants": ("u",)}, None, False),
        ({"corpora": ("a", "b")}, ("a",), True),
        ({"corpora": ("a", "b")}, ("a", "c"), False),
        ({"corpora": ("a",)}, None, False),
    ],
)
def test_a_question_is_in_scope_by_its_tenant_and_the_corpora_that_it_names(
    plan: dict, corpora: tuple[str, ...] | None, inside: bool
) -> None:
    assert is_in_scope(experiment(**plan).plan, "t", corpora) is inside


@given(
    *(st.one_of(st.none(), st.sets(st.sampled_from("abc"), min_size=1).map(tuple)) for _ in range(4)),
    st.sampled_from("abc"),
    st.one_of(st.none(), st.sets(st.sampled_from("abc"), min_size=1).map(tuple)),
)
def test_no_question_is_in_two_experiments_that_may_run_together(
    tenants: tuple | None,
    corpora: tuple | None,
    others: tuple | None,
    other_corpora: tuple | None,
    tenant: str,
    asked: tuple | None,
) -> None:
    one, two = (
        experiment(tenants=t, corpora=c).plan for t, c in ((tenants, corpora), (others, other_corpora))
    )
    if not overlaps(one, two):
        assert not (is_in_scope(one, tenant, asked) and is_in_scope(two, tenant, asked))
