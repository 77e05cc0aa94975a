"""What is near is inside, what is far outside, and nothing is outside without a calibration."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from server.drift.calibrating import calibration_of, sample_of_searched
from server.drift.domains import Asked, Domains, Judged, known_of
from server.drift.training import known_of_training, training_domain
from tandem.adapters.training_questions import TrainingQuestions, write_training_questions
from tandem.errors import TooFewExamplesError

RNG = np.random.default_rng(2)


def around(place: int, count: int) -> np.ndarray:
    drawn = RNG.normal(scale=0.1, size=(count, 24)).astype(np.float32)
    drawn[:, place] += 1
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def calibrated(count: int = 200) -> Domains:
    own = around(0, count)
    sample = sample_of_searched(list(own), [0.7] * count, [0.8] * count)
    domains = Domains()
    domains.tenants["acme"] = known_of(calibration_of(sample, "e", "acme", 0.05, "test", "tester"))
    return domains


def asked(place: int, **other: object) -> Asked:
    return replace(Asked("e", around(place, 1)[0], 0.3, 0.1), **other)


def test_a_question_like_none_that_is_known_is_outside() -> None:
    judged = calibrated().judge("acme", "base", asked(5))
    assert judged.outside
    assert 0 < judged.distance < 1


def test_a_question_of_the_domain_is_inside() -> None:
    domains = calibrated()
    inside = [
        not domains.judge("acme", "base", asked(0, similarity=0.7, evidence=0.8)).outside for _ in range(100)
    ]
    assert sum(inside) > 85


def test_a_distance_is_told_without_a_calibration_but_nothing_is_outside() -> None:
    assert calibrated().judge("other", "base", asked(5)) == Judged(pytest.approx((0.7 + 0.45) / 1.5), False)
    assert Domains().judge("acme", "base", Asked()) == Judged()


def test_the_vectors_of_another_embedder_are_not_compared() -> None:
    assert not calibrated().judge("acme", "base", asked(5, embedder="new")).outside


def test_a_question_that_is_not_searched_for_is_judged_by_the_known_ones() -> None:
    domains = calibrated()
    assert domains.judge("acme", "base", asked(5, similarity=None)).outside
    assert not domains.judge("acme", "base", Asked("e", domains.tenants["acme"].vectors[0])).outside


def test_a_question_unlike_those_of_the_training_is_outside_for_that_adapter_alone(tmp_path: Path) -> None:
    write_training_questions(tmp_path, TrainingQuestions("e", around(5, 200)))
    domains = calibrated()
    known = training_domain(tmp_path, 0.05, "mine@1")
    assert known is not None
    domains.adapters["mine@1"] = known
    own = asked(0, similarity=0.7, evidence=0.8)
    assert domains.judge("acme", "mine@1", own).outside
    assert domains.judge("other", "mine@1", asked(0, similarity=None)).outside
    assert not domains.judge("other", "mine@1", asked(5, similarity=None)).outside
    assert domains.label("acme", "mine@1") != domains.label("acme", "base")


def test_an_adapter_without_training_questions_is_no_domain(tmp_path: Path) -> None:
    assert training_domain(tmp_path, 0.05, "mine@1") is None
    few = known_of_training(TrainingQuestions("e", around(5, 4)), 0.05, "mine@1")
    assert few.distances["questions"] == []


def test_too_few_questions_make_no_threshold() -> None:
    with pytest.raises(TooFewExamplesError, match="it takes 78"):
        calibrated(60)
