"""The bias and the weight of the evidence, on questions whose law is known."""

import numpy as np
import pytest

from finetune.calibrating import Weighed, calibrate
from tandem.abstention import abstaining_of
from tandem.errors import InvalidRequestError


def drawn(questions: int, *, margin: float = 1.5, evidence: float = 1.5, seed: int = 0) -> list[Weighed]:
    """Each question with and without its documents: normal margins and log odds, so many deviations apart."""
    draw = np.random.default_rng(seed)
    seen = []
    for n in range(questions):
        for answerable in (True, False):
            m = draw.normal(-3.0 + (0 if answerable else margin))
            odds = draw.normal(evidence if answerable else 0.0)
            seen.append(Weighed(float(m), float(1 / (1 + np.exp(-odds))), answerable, str(n)))
    return seen


def test_as_many_answerable_questions_go_unanswered_as_may() -> None:
    seen = drawn(400)
    found = calibrate(57, seen, 0.1)
    made = found.abstaining
    said = [one.margin + made.bias_for(one.evidence) > 0 for one in seen]
    share = np.mean([yes for yes, one in zip(said, seen, strict=True) if one.answerable])
    assert share == pytest.approx(0.1, abs=0.005)
    assert found.said_answerable == pytest.approx(0.1, abs=0.03)
    assert made.token == 57


def test_the_evidence_counts_as_much_as_it_tells() -> None:
    """Both tell alike, so a unit of the log odds is worth a logit; Bayes's rule for two normals of one variance."""
    assert calibrate(57, drawn(2_000), 0.15).abstaining.evidence == pytest.approx(1.0, abs=0.15)
    assert calibrate(57, drawn(2_000, evidence=0.0), 0.15).abstaining.evidence == pytest.approx(0.0, abs=0.12)


def test_few_questions_do_not_talk_down_the_evidence() -> None:
    """It is a probability; what a margin is worth is learnt from the questions alone, and 25 cannot tell much."""
    few = [calibrate(57, drawn(25, seed=seed), 0.15).abstaining.evidence for seed in range(20)]
    assert np.median(few) > 1.3
    assert min(few) > 0.8


def test_both_together_tell_more_than_either() -> None:
    found = calibrate(57, drawn(1_000), 0.15)
    assert found.auroc > max(found.auroc_margin, found.auroc_evidence) + 0.05
    alone = calibrate(57, drawn(1_000, evidence=0.0), 0.15)
    assert found.said_unanswerable > alone.said_unanswerable + 0.1


def test_what_is_noted_is_what_serving_reads() -> None:
    found = calibrate(57, drawn(50), 0.15)
    assert abstaining_of({"abstaining": found.as_metrics()}) == found.abstaining


def test_a_model_whose_abstaining_tells_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="tells nothing") as refusal:
        calibrate(57, drawn(200, margin=-1.0), 0.15)
    assert "--unanswerable" in (refusal.value.hint or "")


def test_too_few_questions_of_either_kind_are_refused() -> None:
    seen = drawn(30)
    few = [one for one in seen if one.answerable] + [one for one in seen if not one.answerable][:19]
    with pytest.raises(InvalidRequestError, match="19 questions"):
        calibrate(57, few, 0.15)


@pytest.mark.parametrize("wrongly", [0.0, 1.0, -0.1])
def test_a_share_that_is_none_is_refused(wrongly: float) -> None:
    with pytest.raises(InvalidRequestError, match="wrongly"):
        calibrate(57, drawn(40), wrongly)
