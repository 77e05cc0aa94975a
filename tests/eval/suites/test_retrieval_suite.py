"""Whether the answer is among the passages, and what they are beside it."""

import pytest
from eval_replies import case, found, reply

from eval.case import EvalCase
from eval.measure import Scores
from eval.reply import Reply
from eval.suites.assembly import score_assembly
from eval.suites.retrieval import score_retrieval

SEVEN = "The gate closes at seven."


def by_name(cases: list[EvalCase], replies: list[Reply]) -> dict[str, Scores]:
    scored = [
        *score_retrieval(cases, replies, contexts={"c1": [SEVEN]}),
        *score_assembly(cases, replies, count_tokens=lambda text: len(text.split())),
    ]
    return {one.measure.name: one for one in scored}


def test_the_answer_is_looked_for_in_the_best_passages_and_in_the_prompt() -> None:
    others = [found(f"Other words {n}", f"d{n + 2}") for n in range(5)]
    passages = (
        *others[:3],
        found(SEVEN, "d1"),
        others[3],
        found("It opens at SEVEN too.", "d1", in_prompt=False),
    )
    scores = by_name([case("c1", "seven")], [reply("x", passages=passages)])
    value = {name: one.values.get("c1") for name, one in scores.items()}
    assert (value["answer_recall_1"], value["answer_recall_5"], value["answer_recall_10"]) == (0, 1, 1)
    assert value["answer_mrr"] == 0.25
    assert value["noise_share"] == pytest.approx(4 / 6)
    assert value["id_context_precision"] == pytest.approx(1 / 5)
    assert value["text_context_recall"] == 1
    assert value["passages_kept"] == pytest.approx(5 / 6)
    assert (value["answer_kept"], value["answer_place"]) == (1, 4)
    assert value["passage_tokens"] == 4 * 3 + 5


def test_an_answer_that_assembly_left_out_is_counted_against_it_alone() -> None:
    passages = (found("Other words", "d2"), found(SEVEN, "d1", in_prompt=False))
    scores = by_name([case("c1", "seven")], [reply("x", passages=passages)])
    assert scores["answer_recall_5"].values == {"c1": 1}
    assert scores["answer_kept"].values == {"c1": 0}
    assert scores["answer_place"].passed_over == {"c1": "the answer is not in the prompt"}


def test_what_was_not_found_is_no_fault_of_assembly() -> None:
    scores = by_name([case("c1", "seven")], [reply("x", passages=(found("Other words", "d2"),))])
    assert scores["answer_mrr"].values == {"c1": 0}
    assert scores["answer_kept"].passed_over == {"c1": "the answer was not found"}


def test_what_is_not_known_is_passed_over_with_its_reason() -> None:
    cases = [case("c1", documents=()), case("c2", "x", answerable=False), case("c3", "seven")]
    scores = by_name(cases, [reply("x", one.id, passages=(found(SEVEN),)) for one in cases])
    assert scores["noise_share"].passed_over["c1"] == "no document named"
    assert scores["answer_mrr"].passed_over["c1"] == "no reference"
    assert scores["document_mrr"].passed_over["c2"] == "its answer is not in the corpus"
    assert scores["text_context_recall"].passed_over["c3"] == "no text that holds the answer is known"
    assert set(scores["passages_kept"].values) == {"c1", "c2", "c3"}
    no_tokenizer = score_assembly(cases, [reply("x", passages=(found(SEVEN),))])[-1]
    assert no_tokenizer.passed_over == {"c1": "no tokenizer was given"}
