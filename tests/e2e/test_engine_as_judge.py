"""The engine's own small model as the judge, held to the schema: numbers or counted failures, and no crash."""

from pathlib import Path

from eval.judging.judge import open_judge
from eval.judging.judging import judge_the_judge
from eval.judging.labelled import bundled_cases, groups_of
from eval.judging.measures import LLM_MEASURES
from eval.judging.scores import judge_scores
from eval.judging.trust import keep_figures, trust_of
from tandem.settings import Settings


def settings_for(tandem, tmp_path: Path) -> Settings:
    # One place at a time of a few, and short replies: a small model writes on until it is stopped.
    judge = {"at_once": 8, "answer_tokens": 96, "corrections": 0}
    return Settings(data_dir=tmp_path, engine={"address": tandem.engine_url}, judge=judge)


async def test_each_measure_gives_a_number_or_a_counted_failure(tandem, tmp_path: Path) -> None:
    cases = [groups_of(bundled_cases())[0][0]]
    judge = open_judge(settings_for(tandem, tmp_path))
    found = await judge_scores([one.as_case() for one in cases], [one.as_reply() for one in cases], judge)
    paid = judge.usage.calls
    await judge.close()
    assert {scores.measure.name for scores in found} == set(LLM_MEASURES) - {"answer_relevancy"}
    assert all(scores.wanted == 1 for scores in found)
    assert all(0 <= value <= 1 for scores in found for value in scores.values.values())
    known = ("judge not of the form", "judge cut short")
    assert all(reason.startswith(known) for scores in found for reason in scores.failed.values())
    assert any(scores.values for scores in found), [dict(scores.failed) for scores in found]
    assert paid > 0

    again = open_judge(settings_for(tandem, tmp_path))
    same = await judge_scores([one.as_case() for one in cases], [one.as_reply() for one in cases], again)
    assert again.usage.calls == 0
    assert [(one.values, one.failed) for one in same] == [(one.values, one.failed) for one in found]
    await again.close()


async def test_the_small_model_is_measured_and_may_not_gate(tandem, tmp_path: Path) -> None:
    settings = settings_for(tandem, tmp_path)
    cases = [case for group in groups_of(bundled_cases())[:2] for case in group]
    judge = open_judge(settings)
    figures = await judge_the_judge(judge, cases, measures=("answer_accuracy",), again=2)
    await judge.close()
    keep_figures(figures, settings.data_dir)
    [agreement] = figures.agreement
    assert agreement.cases == len(cases)
    assert figures.order.pairs == figures.padding.pairs == 2
    assert not figures.partial
    trust = trust_of(figures.judge, settings)
    assert not trust.trusted
    assert "may not gate" in str(trust.warning)
