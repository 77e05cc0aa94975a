"""References, looks and reports are kept once, for their tenant, and go with it; on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tandem.store import (
    EVERYBODY,
    DriftReference,
    DriftReport,
    Observation,
    OutsideCalibration,
    Place,
    QuestionVector,
    Store,
)
from tandem.store.drift import drift_turn

BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
REFERENCE = DriftReference("acme", BEGIN, None, 3, "the first 3 answers", "tester", BEGIN)
COMPLETE = replace(
    REFERENCE,
    complete_at=BEGIN,
    answers=3,
    embedder="e",
    series={"similarity": [0.1, 0.2]},
    vectors=b"ab",
    start=Place(BEGIN, "a"),
    place=Place(BEGIN, "a"),
)
REPORT = DriftReport(
    id="r1",
    tenant="acme",
    at=BEGIN,
    series="similarity",
    method="KS",
    statistic=0.5,
    p_value=0.001,
    threshold=0.002,
    alarm=True,
    before=0.6,
    now=0.2,
    reference_size=500,
    window_size=100,
    since=BEGIN,
    until=BEGIN,
    examples=("t1", "t2"),
)


def observed(place: int, tenant: str = "acme", **other: object) -> Observation:
    return Observation(
        f"t{place}", tenant, BEGIN + timedelta(seconds=place), "rag@1", **{"outcome": "answered", **other}
    )


def vector(place: int, tenant: str = "acme") -> QuestionVector:
    return QuestionVector(f"t{place}", tenant, BEGIN + timedelta(seconds=place), "e", bytes([place]))


def test_a_reference_is_begun_once_and_comes_back_as_it_was(store: Store) -> None:
    assert store.begin_drift_reference(REFERENCE)
    assert not store.begin_drift_reference(replace(REFERENCE, wanted=9))
    assert store.drift_reference("acme") == REFERENCE
    assert store.drift_reference("other") is None
    assert store.complete_drift_reference(COMPLETE)
    assert not store.complete_drift_reference(COMPLETE)
    assert store.drift_reference("acme") == COMPLETE


def test_a_reference_that_somebody_sets_is_in_the_audit_log(store: Store) -> None:
    store.begin_drift_reference(REFERENCE)
    store.set_drift_reference(COMPLETE, "key:1")
    assert store.drift_reference("acme") == COMPLETE
    assert [(one.action, one.subject) for one in store.audit_entries("acme")] == [
        ("drift_reference.set", "key:1")
    ]


def test_a_look_is_taken_by_one_server_and_kept_once(store: Store) -> None:
    store.set_drift_reference(COMPLETE, "key:1")
    mine = drift_turn("acme")
    assert store.take_turn(mine, timedelta(minutes=2))
    assert not store.take_turn(mine, timedelta(minutes=2))
    assert store.take_turn(drift_turn("other"), timedelta(minutes=2))
    on = Place(BEGIN + timedelta(hours=1), "b")
    assert store.finish_drift_look(COMPLETE, on, [REPORT])
    assert store.take_turn(mine, timedelta(minutes=2)), "the next one can be taken at once"
    assert not store.finish_drift_look(COMPLETE, on, [replace(REPORT, id="r2")])
    assert store.drift_reports("acme") == [REPORT]
    after = store.drift_reference("acme")
    assert after == replace(COMPLETE, place=on, looks=1)
    assert store.take_turn(mine, timedelta(minutes=2)), "a look that came too late keeps nobody waiting"


def test_a_look_at_a_reference_that_was_replaced_keeps_nothing(store: Store) -> None:
    store.set_drift_reference(COMPLETE, "key:1")
    store.set_drift_reference(replace(COMPLETE, set_at=BEGIN + timedelta(1)), "key:1")
    assert not store.finish_drift_look(COMPLETE, Place(BEGIN), [REPORT])
    assert store.drift_reports() == []


def test_alarms_are_those_since_a_moment_of_every_tenant(store: Store) -> None:
    store.set_drift_reference(COMPLETE, "key:1")
    later = BEGIN + timedelta(days=2)
    others = [
        replace(REPORT, id="r2", tenant=EVERYBODY, at=later, examples=()),
        replace(REPORT, id="r3", at=later, alarm=False, series="evidence"),
    ]
    store.finish_drift_look(COMPLETE, Place(BEGIN), [REPORT, *others])
    assert [one.id for one in store.drift_alarms(BEGIN)] == ["r2", "r1"]
    assert [one.id for one in store.drift_alarms(later)] == ["r2"]
    assert {one.id for one in store.newest_drift_reports(BEGIN)} == {"r1", "r2", "r3"}
    assert store.forget_drift_reports(later) == 1
    assert {one.id for one in store.drift_reports()} == {"r2", "r3"}


def test_answers_come_in_their_order_without_those_that_say_nothing_of_the_questions(store: Store) -> None:
    for one in (
        observed(1),
        observed(2, outcome="abstained"),
        observed(3, outcome="failed"),
        observed(4, shadow=True),
        observed(5, tenant="other"),
        observed(6),
    ):
        store.add_observation(one)
    end = BEGIN + timedelta(days=1)
    mine = store.answers_after("acme", Place(BEGIN), 10, end)
    assert [one.trace_id for one in mine] == ["t1", "t2", "t6"]
    everybodys = store.answers_after(EVERYBODY, Place(mine[0].at, "t1"), 2, end)
    assert [one.trace_id for one in everybodys] == ["t2", "t5"]
    newest = store.newest_answers("acme", Place(BEGIN), Place(mine[-1].at, "t6"), 2)
    assert [one.trace_id for one in newest] == ["t2", "t6"]
    assert store.busiest_tenants(BEGIN, 1) == ["acme"]


def test_vectors_are_bounded_by_age_and_by_number_of_each_tenant(store: Store) -> None:
    for place in range(1, 6):
        store.add_observation(observed(place))
    store.add_observation(observed(9, "other"))
    store.add_question_vectors([vector(place) for place in range(1, 6)] + [vector(9, "other")])
    assert store.question_vectors(["t2", "gone"]) == {"t2": vector(2)}
    assert store.trim_question_vectors(BEGIN + timedelta(seconds=2), 3) == 2
    assert set(store.question_vectors([f"t{place}" for place in range(10)])) == {"t3", "t4", "t5", "t9"}


def test_a_calibration_is_numbered_and_replaces_the_one_before(store: Store) -> None:
    made = OutsideCalibration(
        "acme", 0, "e", 0.05, 3, "reference", "tester", BEGIN, 1, b"ab", {"both": [0.1]}
    )
    store.set_outside_calibration(made, "key:1")
    assert store.set_outside_calibration(made, "key:1") == replace(made, number=2)
    assert store.outside_calibration("acme") == replace(made, number=2)
    assert store.outside_calibration_moments() == {"acme": (2, BEGIN.isoformat())}


def test_a_vector_of_an_answer_that_was_erased_meanwhile_is_not_kept(store: Store) -> None:
    for place in (1, 2):
        store.add_observation(observed(place, ("acme", "other")[place - 1]))
    store.retire("acme")
    store.add_question_vectors([vector(1), vector(2, "other")])
    store.add_question_vectors([])
    assert set(store.question_vectors(["t1", "t2"])) == {"t2"}


def test_with_a_tenant_goes_all_that_is_known_of_its_questions(store: Store) -> None:
    store.add_observation(observed(1))
    store.add_observation(observed(2, "other"))
    store.add_question_vectors([vector(1), vector(2, "other")])
    store.set_drift_reference(COMPLETE, "key:1")
    store.set_drift_reference(replace(COMPLETE, tenant=EVERYBODY), "key:1")
    store.finish_drift_look(COMPLETE, Place(BEGIN), [REPORT])
    store.retire("acme")
    assert store.question_vectors(["t1", "t2"]) == {"t2": vector(2, "other")}
    assert store.drift_reference("acme") is None
    assert store.drift_reference(EVERYBODY) is None
    assert store.drift_reports() == []
    assert [one.trace_id for one in store.observations(since=BEGIN)] == ["t2"]
