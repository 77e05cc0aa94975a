"""References fill by themselves, looks are taken when they are due, and alarms show what is new."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from server.drift.references import reference_of_time
from server.drift.sample import bytes_of
from server.drift.watching import compared_now, watch
from tandem.errors import InvalidRequestError, NotFoundError, TooFewExamplesError
from tandem.settings import DriftSettings, StoreSettings
from tandem.store import EVERYBODY, Observation, QuestionVector, Store, open_store
from tandem.store.drift import drift_turn

SETTINGS = DriftSettings(reference=100, window=60, looks=2, alarms=0.02)
NOW = datetime.now(UTC)
RNG = np.random.default_rng(6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(StoreSettings(), tmp_path)
    yield opened
    opened.close()


class Asker:
    """Answers questions around one topic after another, a second apart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at = NOW - timedelta(hours=3)
        self._count = 0

    def ask(self, count: int, topic: int, tenant: str = "acme", similarity: float = 0.7) -> list[str]:
        made = []
        for _ in range(count):
            self._count += 1
            self._at += timedelta(seconds=1)
            drawn = RNG.normal(scale=0.15, size=24)
            drawn[topic] += 1
            vector = bytes_of((drawn / np.linalg.norm(drawn)).astype(np.float32))
            trace = f"t{self._count:05}"
            made.append(trace)
            self._store.add_observation(
                Observation(
                    trace,
                    tenant,
                    self._at,
                    "rag@1",
                    "answered",
                    similarity=float(np.clip(RNG.normal(similarity, 0.05), 0, 1)),
                    evidence=float(RNG.uniform(0.5, 0.9)),
                    answer_chars=int(RNG.integers(50, 400)),
                )
            )
            self._store.add_question_vectors([QuestionVector(trace, tenant, self._at, "e", vector)])
        return made


def test_a_reference_fills_and_what_follows_is_looked_at_as_often_as_settings_say(store: Store) -> None:
    asker = Asker(store)
    asker.ask(99, 0)
    assert watch(store, SETTINGS, NOW) == []
    assert store.drift_reference("acme").complete_at is None
    asker.ask(1, 0)
    watch(store, SETTINGS, NOW)
    reference = store.drift_reference("acme")
    assert (reference.answers, reference.looks, len(reference.series["similarity"])) == (100, 0, 100)
    asker.ask(29, 0)
    assert watch(store, SETTINGS, NOW) == []
    asker.ask(31, 0)
    found = watch(store, SETTINGS, NOW)
    assert [one.window_size for one in found if one.series == "questions"] == [30, 60]
    assert {one.series for one in found} == {
        "questions", "novelty", "similarity", "evidence", "answer_chars", "abstained"
    }  # fmt: skip
    assert not any(one.alarm for one in found)
    assert watch(store, SETTINGS, NOW) == []
    assert store.drift_reference(EVERYBODY) is None


def test_other_questions_alarm_and_are_shown_by_those_that_are_new(store: Store) -> None:
    asker = Asker(store)
    asker.ask(100, 0)
    asker.ask(15, 0)
    new = asker.ask(15, 5, similarity=0.3)
    alarms = [one for one in watch(store, SETTINGS, NOW) if one.alarm]
    assert {"questions", "similarity"} <= {one.series for one in alarms}
    assert 1 <= len(alarms[0].examples) <= 5
    assert set(alarms[0].examples) <= set(new)
    assert {one.series for one in store.drift_alarms(NOW)} == {one.series for one in alarms}
    similarity = next(one for one in alarms if one.series == "similarity")
    assert similarity.now < similarity.before


def test_the_answers_of_all_are_watched_together_and_show_nobodys_questions(store: Store) -> None:
    asker = Asker(store)
    for _ in range(50):
        asker.ask(1, 0, "acme")
        asker.ask(1, 1, "other")
    for _ in range(15):
        asker.ask(1, 8, "acme", 0.3)
        asker.ask(1, 8, "other", 0.3)
    watch(store, SETTINGS, NOW)
    together = store.drift_reports(EVERYBODY)
    assert any(one.alarm for one in together)
    assert all(one.examples == () for one in together)
    assert store.drift_reports("acme") == []


def test_a_reference_of_a_time_is_complete_at_once_and_refuses_a_time_without_answers(store: Store) -> None:
    asker = Asker(store)
    asker.ask(80, 0)
    begin = NOW - timedelta(hours=3)
    made = reference_of_time(store, SETTINGS, "acme", "tester", begin, NOW)
    assert (made.answers, made.complete_at is not None) == (80, True)
    store.set_drift_reference(made, "local")
    with pytest.raises(TooFewExamplesError):
        compared_now(store, SETTINGS, "acme", None, None)
    with pytest.raises(TooFewExamplesError):
        reference_of_time(store, SETTINGS, "nobody", "tester", begin, NOW)
    with pytest.raises(InvalidRequestError):
        reference_of_time(store, SETTINGS, "acme", "tester", NOW, begin)


def test_a_look_beside_the_others_is_not_kept(store: Store) -> None:
    asker = Asker(store)
    with pytest.raises(NotFoundError):
        compared_now(store, SETTINGS, "acme", None, None)
    asker.ask(125, 0)
    watch(store, SETTINGS, NOW)
    sample, found = compared_now(store, SETTINGS, "acme", None, None)
    assert (sample.size, len(found)) == (25, 6)
    assert store.drift_reports() == []


def test_the_answers_that_are_due_are_looked_at_by_one_server(store: Store) -> None:
    asker = Asker(store)
    asker.ask(130, 0)
    watch(store, SETTINGS.model_copy(update={"window": 1_000}), NOW)
    assert store.take_turn(drift_turn("acme"), timedelta(minutes=2))
    assert watch(store, SETTINGS, NOW) == []
