"""How right answers are, and what they cite."""

import numpy as np
import pytest
from eval_replies import DOWN, case, cited, found, reply

from eval.measure import Scores
from eval.suites.abstention import area, judge, risk_coverage_points, score_abstention
from eval.suites.citations import score_citations
from eval.suites.generation import score_generation

SEVEN = "The gate closes at seven."


def named(scores: list[Scores]) -> dict[str, Scores]:
    return {one.measure.name: one for one in scores}


def test_marks_and_an_admission_of_not_knowing_are_no_part_of_an_answer() -> None:
    cases = [case("c1", "seven", "at seven"), case("c2", "know"), case("c3", "x", answerable=False)]
    replies = [reply("Seven. [1]", "c1"), reply("I don't know.", "c2"), reply("x", "c3")]
    scores = named(score_generation(cases, replies))
    assert scores["exact_match"].values == {"c1": 1, "c2": 0}
    assert scores["contains"].values == {"c1": 1, "c2": 0}
    assert scores["token_f1"].values == {"c1": 1, "c2": 0}
    assert scores["answer_right"].values == {"c1": 1, "c2": 0}
    assert scores["rouge_l"].values["c1"] == 1
    assert scores["exact_match"].passed_over == {"c3": "its answer is not in the corpus"}
    assert set(scores["semantic_similarity"].passed_over.values()) == {"no embedder was given"}


def test_texts_are_embedded_once_and_an_embedder_that_fails_is_counted() -> None:
    calls: list[list[str]] = []

    def embed(texts: list[str]) -> np.ndarray:
        calls.append(texts)
        return np.eye(len(texts), dtype=np.float32)

    cases = [case("c1", "seven"), case("c2", "seven"), case("c3", "nine")]
    replies = [reply("seven", "c1"), reply("eight", "c2"), reply(name="c3", failure=DOWN)]
    scores = named(score_generation(cases, replies, embed=embed))["semantic_similarity"]
    assert calls == [["eight", "seven"]]
    assert scores.values == pytest.approx({"c1": 1, "c2": 0})
    assert set(scores.failed) == {"c3"}

    def fake_broken(texts: list[str]) -> np.ndarray:
        raise RuntimeError("out of memory")

    scores = named(score_generation(cases, replies, embed=fake_broken))["semantic_similarity"]
    assert scores.failed["c1"] == "RuntimeError: out of memory"
    assert (scores.wanted, len(scores.failed)) == (3, 3)


def test_a_citation_is_judged_by_the_text_of_its_passage() -> None:
    cases = [case("c1", "seven"), case("c2", "seven"), case("c3", "seven")]
    found_one = (found(SEVEN),)
    replies = [
        reply(
            "It closes at seven. [1][2]",
            "c1",
            citations=(cited(SEVEN), cited("Cats.", "d2")),
            passages=found_one,
        ),
        reply("It closes at seven.", "c2", passages=found_one),
        reply("Gate nine. [1]", "c3", citations=(cited("Gate nine.", "d9"),), passages=found_one),
    ]
    scores = named(score_citations(cases, replies))
    assert scores["citation_precision"].values == {"c1": 0.5, "c3": 0}
    assert scores["citation_support"].values == {"c1": 0.5, "c3": 1}
    assert scores["citation_precision"].passed_over == {"c2": "the answer cites nothing"}
    assert scores["citation_recall"].values == {"c1": 1, "c2": 0, "c3": 0}


def test_an_arm_without_retrieval_is_not_blamed_for_citing_nothing() -> None:
    scores = named(score_citations([case("c1", "seven")], [reply("seven")]))
    assert scores["citation_recall"].passed_over == {"c1": "the arm retrieves nothing"}
    scores = named(score_citations([case("c1", "seven")], [reply(failure=DOWN)]))
    assert set(scores["citation_recall"].failed) == {"c1"}


def test_not_knowing_is_right_where_the_documents_were_left_out() -> None:
    cases = [case("c1", "seven"), case("c2", answerable=False), case("c3", "nine")]
    replies = [
        reply("I don't know.", "c1"),
        reply("I do not know that.", "c1", variant="without"),
        reply("Eight.", "c2"),
        reply("Nine.", "c3"),
        reply("", "c3", variant="without", abstained=True),
    ]
    scores = named(score_abstention(cases, replies))
    assert scores["unknown_answerable"].values == {"c1": 1, "c3": 0}
    assert scores["unknown_unanswerable"].values == {"c2": 0, "c1": 1, "c3": 1}


def test_a_question_that_another_document_answers_is_no_unanswerable_one() -> None:
    cases = [case(f"c{n}", "seven seals") for n in range(3)]
    texts = ["It has seven  seals.", "It has none.", "Seven sealskins."]
    replies = [
        reply("seven seals", f"c{n}", passages=(found(text),), variant="without")
        for n, text in enumerate(texts)
    ]
    scores = named(score_abstention(cases, replies))
    assert scores["unknown_untold"].values == {"c1": 0, "c2": 0}
    assert set(scores["unknown_untold"].passed_over) == {"c0"}
    assert len(scores["unknown_unanswerable"].values) == 3


def test_risk_and_coverage_of_four_answers_by_hand() -> None:
    # By evidence: right 0.9, wrong 0.8, right 0.7; withheld last, and it counts as wrong.
    cases = [case(f"c{n}", "seven") for n in range(4)]
    told = [("seven", 0.9), ("eight", 0.8), ("seven", 0.7), ("I don't know.", 0.95)]
    replies = [reply(text, f"c{n}", evidence=sure) for n, (text, sure) in enumerate(told)]
    curve = [(point.x, point.y) for point in risk_coverage_points(cases, replies)]
    assert curve == [(0.25, 0.0), (0.5, 0.5), (0.75, pytest.approx(1 / 3))]
    assert area(cases, replies) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)


def test_an_answer_without_its_documents_is_never_right_and_a_failed_one_is_not_judged() -> None:
    cases = [case("c1", "seven"), case("c2", "seven"), case("c3")]
    replies = [
        reply("seven", "c1", evidence=0.9),
        reply("seven", "c1", variant="without", evidence=0.2),
        reply(name="c2", failure=DOWN),
        reply("what", "c3"),
    ]
    judged = judge(cases, replies)
    assert (judged.right, judged.scores, judged.cases) == ([True, False], [0.9, 0.2], [0, 0])
    assert risk_coverage_points(cases, [reply("I don't know.", "c1")]) == ()
    assert area([], []) is None
