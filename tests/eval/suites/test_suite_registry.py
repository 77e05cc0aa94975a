"""All measures together."""

from pathlib import Path

import pytest
from eval_replies import DOWN, case, found, reply

from eval.measure import Measure, Scores, Stage
from eval.suites import MEASURES, figures_of_whole, measures_table, score_all
from eval.suites.ingestion import MEASURES as OF_INGESTION
from eval.suites.wholes import MEASURES as OF_WHOLES


def test_each_measure_is_defined_in_a_sentence_and_scored_once() -> None:
    cases = [case("c1", "seven", label="yes", paraphrases=("How?",)), case("c2", answerable=False)]
    replies = [reply("seven", "c1", passages=(found("At seven."),)), reply("x", "c2")]
    names = [one.measure.name for one in score_all(cases, replies)]
    assert len(names) == len(set(names))
    apart = {one.name for one in (*OF_INGESTION, *OF_WHOLES)}
    assert set(names) | apart == set(MEASURES)
    assert not set(names) & apart
    assert all(one.definition.endswith(".") and one.title for one in MEASURES.values())
    assert {one.stage for one in MEASURES.values()} == set(Stage)


def test_a_run_that_failed_altogether_has_no_value_and_hides_nothing() -> None:
    cases = [case("c1", "seven", label="yes")]
    scores = score_all(cases, [reply(failure=DOWN)])
    assert not [one.measure.name for one in scores if one.values]
    assert {"exact_match", "accuracy", "rouge_l", "document_mrr", "seconds"} <= {
        one.measure.name for one in scores if one.failed
    }
    assert figures_of_whole(cases, [reply(failure=DOWN)]) == []


def test_what_was_not_asked_leaves_measures_empty() -> None:
    assert all(not one.values and not one.failed for one in score_all([case("c1", "x")], []))


def test_the_judges_scores_come_after_and_two_arms_are_refused() -> None:
    judged = Scores(Measure("faithfulness", "Faithfulness", Stage.GENERATION, "By a judge."), {"c1": 1.0})
    assert score_all([case()], [reply("x")], judge_scores=[judged])[-1] is judged
    with pytest.raises(ValueError, match="base, rag"):
        score_all([case()], [reply("x"), reply("x", arm="base")])


def test_the_table_for_the_docs_has_a_row_for_each(tmp_path: Path) -> None:
    lines = measures_table().splitlines()
    assert len(lines) == len(MEASURES) + 2
    assert all(line.count("|") == 7 for line in lines)
