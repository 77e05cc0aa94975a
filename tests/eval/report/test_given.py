from eval.measure import Measure, Scores, Stage
from eval.report.given import given_answer, lost

F1 = Measure("token_f1", "F1", Stage.GENERATION, "", "score")
FOUND = Measure("answer_recall_10", "Found", Stage.RETRIEVAL, "")
KEPT = Measure("answer_kept", "Kept", Stage.ASSEMBLY, "")


def test_only_cases_with_the_answer_in_the_prompt_count_for_the_model() -> None:
    f1 = Scores(F1, {"kept": 0.8, "dropped": 0.4, "missing": 0.1, "none": 0.5}, {"failed": "down"})
    found = Scores(
        FOUND, {"kept": 1.0, "dropped": 1.0, "missing": 0.0, "failed": 1.0}, {}, {"none": "no reference"}
    )
    kept = Scores(KEPT, {"kept": 1.0, "dropped": 0.0, "failed": 1.0}, {}, {"missing": "not found"})
    in_prompt, given = given_answer(f1, found, kept)
    assert in_prompt.values == {"kept": 1.0, "dropped": 0.0, "missing": 0.0, "failed": 1.0}
    assert given.values == {"kept": 0.8}
    assert given.failed == {"failed": "down"}
    assert set(given.passed_over) == {"none", "dropped", "missing"}


def test_what_is_lost_before_the_model_and_in_it_adds_up_with_what_is_gained() -> None:
    before, after = lost(0.7, 0.5)
    assert (round(before, 9), round(after, 9)) == (0.15, 0.35)
    assert round(before + after + 0.7 * 0.5, 9) == round(0.5 + 0.35, 9)
