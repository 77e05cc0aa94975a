"""Consistency over replies that were kept."""

import numpy as np
import pytest
from eval_replies import DOWN, case, cited, reply

from eval.measure import Scores
from eval.suites.consistency import score_consistency


def named(scores: list[Scores]) -> dict[str, Scores]:
    return {one.measure.name: one for one in scores}


def embed(texts: list[str]) -> np.ndarray:
    """Each text at a right angle to every other."""
    return np.eye(len(texts), dtype=np.float32)


CASES = [case("c1", paraphrases=("How?",)), case("c2")]


def test_repeats_and_paraphrases_are_compared_in_pairs() -> None:
    replies = [
        reply("at seven [1]", "c1", citations=(cited("x"),)),
        reply("at seven [2]", "c1", variant="repeat", citations=(cited("x"),)),
        reply("at nine", "c1", variant="paraphrase", abstained=True),
        reply("at nine", "c2"),
    ]
    scores = named(score_consistency(CASES, replies, embed=embed))
    assert scores["repeat_score"].values == {"c1": 1}
    assert scores["repeat_citations"].values == {"c1": 1}
    assert scores["paraphrase_f1"].values == {"c1": 0.5}
    assert scores["paraphrase_score"].values == {"c1": pytest.approx(0.25)}
    assert scores["paraphrase_citations"].values == {"c1": 0}
    assert scores["paraphrase_abstention"].values == {"c1": 0}
    assert scores["paraphrase_f1"].passed_over == {"c2": "no paraphrase"}
    assert scores["repeat_f1"].passed_over == {"c2": "was not asked so"}


def test_without_an_embedder_the_words_are_still_compared() -> None:
    replies = [reply("seven", "c1"), reply("seven", "c1", variant="repeat")]
    scores = named(score_consistency(CASES, replies))
    assert scores["repeat_f1"].values == {"c1": 1}
    assert set(scores["repeat_score"].passed_over.values()) == {"no embedder was given"}


def test_an_answer_that_failed_and_an_embedder_that_fails_are_counted() -> None:
    def fake_broken(texts: list[str]) -> np.ndarray:
        raise RuntimeError("out of memory")

    fine = [reply("seven", "c1"), reply("seven", "c1", variant="repeat")]
    scores = named(score_consistency(CASES, fine, embed=fake_broken))
    assert scores["repeat_score"].failed == {"c1": "RuntimeError: out of memory"}
    assert scores["repeat_f1"].values == {"c1": 1}
    broken = [fine[0], reply(name="c1", variant="repeat", failure=DOWN)]
    scores = named(score_consistency(CASES, broken, embed=embed))
    assert scores["repeat_f1"].failed == {"c1": "no answer: engine_unavailable_error: vLLM is not there"}
