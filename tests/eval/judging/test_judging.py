"""The whole judging of a judge: one that knows, one that guesses, one that looks at the place, one that goes away."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_judge import FakeJudge, Fault, by_content, input_of
from typer.testing import CliRunner

from eval.judging.comparing import Both, order_of, padding_of
from eval.judging.judging import judge_the_judge
from eval.judging.labelled import LabelledCase, groups_of
from eval.judging.trust import keep_figures, read_figures, trust_of
from tandem.settings import Settings

MEASURES = ("faithfulness", "answer_accuracy")


def oracle(cases: list[LabelledCase], pairs: Callable[[str], str] | None = None) -> Callable[..., object]:
    """Says of each answer what people say; `pairs` decides otherwise which of two answers is better."""

    def correct(question: str, *texts: str) -> bool | None:
        return next(one.correct for one in cases if one.question == question and one.answer in texts)

    def better(prompt: str) -> str:
        question = prompt.partition("Question:\n")[2].partition("\n\nPassages:")[0]
        first, _, second = prompt.partition("First answer:\n")[2].partition("\n\nSecond answer:\n")
        if first in second or second in first:
            return "neither"
        return "first" if correct(question, first) else "second"

    def script(prompt: str, schema: dict[str, Any]) -> object:
        given = input_of(prompt)
        match schema["title"]:
            case "StatementGeneratorOutput":
                return {"statements": [given["answer"]]}
            case "NLIStatementOutput":
                [said] = given["statements"]
                known = (
                    one for one in cases if one.answer == said and "\n".join(one.passages) == given["context"]
                )
                return {
                    "statements": [
                        {"statement": said, "reason": "", "verdict": int(next(known).faithful or 0)}
                    ]
                }
            case "AnswerAccuracyOutput":
                right = correct(given["query"], given["user_answer"], given["reference_answer"])
                return {"rating": 4 if right else 0}
            case "Better":
                return {"reason": "", "better": (pairs or better)(prompt)}
        raise AssertionError(schema["title"])

    return script


@pytest.fixture
def some(labelled) -> list[LabelledCase]:
    return [case for group in groups_of(labelled)[:6] for case in group]


async def test_a_judge_that_knows_may_gate_until_it_changes_or_time_goes_by(
    fake_judge, judge_at, some, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    fake_judge.script = oracle(some)
    judge = judge_at(fake_judge)
    identity = await judge.identity()
    unknown = trust_of(identity, settings)
    assert not unknown.trusted
    assert not unknown.may_gate("faithfulness")
    assert "has not been judged" in str(unknown.warning)

    figures = await judge_the_judge(judge, some, measures=MEASURES, again=8)
    await judge.close()
    assert [(each.label, each.kappa and each.kappa.mean) for each in figures.agreement] == [
        ("faithful", 1.0),
        ("correct", 1.0),
    ]
    assert figures.stability.same is not None
    assert figures.stability.same.mean == 1
    assert figures.order.right == 1
    assert (figures.order.by_order, figures.padding.padded) == (0, 0)
    assert figures.order.pairs == figures.padding.pairs == 6
    assert not figures.partial
    keep_figures(figures, tmp_path)
    assert read_figures(identity, tmp_path) == figures
    trust = trust_of(identity, settings)
    assert trust.trusted
    assert trust.warning is None
    assert trust.may_gate("faithfulness")
    assert trust.may_gate("llm_context_recall")

    later = datetime.now(UTC) + timedelta(days=settings.judge.trusted_days + 1)
    assert not trust_of(identity, settings, later).trusted
    for change in ({"prompts": "others"}, {"served": {"root": "weights-2"}}, {"temperature": 1.0}):
        assert not trust_of(identity.model_copy(update=change), settings).trusted
    strict = Settings(data_dir=tmp_path, judge={"floor_kappa": 1.0})
    assert trust_of(identity, strict).trusted


async def test_a_judge_that_guesses_may_gate_nothing(fake_judge, judge_at, some, tmp_path: Path) -> None:
    judge = judge_at(fake_judge)
    figures = await judge_the_judge(judge, some, measures=MEASURES, again=4)
    await judge.close()
    keep_figures(figures, tmp_path)
    trust = trust_of(figures.judge, Settings(data_dir=tmp_path))
    assert not trust.trusted
    assert not any(trust.may_gate(name) for name in (*MEASURES, "llm_context_recall"))
    assert "people's label `faithful`" in str(trust.warning)
    assert str(trust.warning).startswith("The judge fake-judge is under the floor")


async def test_a_judge_that_goes_by_the_place_may_gate_nothing_though_it_agrees(
    fake_judge, judge_at, some, tmp_path: Path
) -> None:
    fake_judge.script = oracle(some, pairs=lambda prompt: "first")
    judge = judge_at(fake_judge)
    figures = await judge_the_judge(judge, some, measures=MEASURES, again=4)
    await judge.close()
    assert (figures.order.by_order, figures.order.first, figures.order.right) == (1, 1, 0)
    keep_figures(figures, tmp_path)
    trust = trust_of(figures.judge, Settings(data_dir=tmp_path))
    assert trust.weak == ()
    assert not trust.may_gate("faithfulness")
    assert trust.faults == (
        "0% of its comparisons hold when the answers change places, and at least 80% must",
    )


async def test_a_judge_that_changes_its_mind_is_seen_and_asking_again_is_not_answered_from_what_is_kept(
    fake_judge, judge_at, some
) -> None:
    knows, said = oracle(some), set()

    def script(prompt: str, schema: dict[str, Any]) -> object:
        if schema["title"] != "AnswerAccuracyOutput" or prompt not in said:
            said.add(prompt)
            return knows(prompt, schema)
        return {"rating": 4 - knows(prompt, schema)["rating"]}

    fake_judge.script = script
    judge = judge_at(fake_judge)
    figures = await judge_the_judge(judge, some, measures=("answer_accuracy",), again=6)
    assert figures.stability.verdicts == 6
    assert figures.stability.same is not None
    assert figures.stability.same.mean == 0
    paid = len(fake_judge.asked)
    await judge_the_judge(judge, some, measures=("answer_accuracy",), again=6)
    assert len(fake_judge.asked) == paid  # a measuring that is resumed pays nothing twice
    await judge_the_judge(judge, some, measures=("answer_accuracy",), again=6, fresh="1:")
    assert len(fake_judge.asked) == 2 * paid
    await judge.close()


async def test_a_judge_that_goes_away_leaves_partial_figures_that_trust_nothing(
    fake_judge, judge_at, some, tmp_path: Path
) -> None:
    knows = oracle(some)

    def script(prompt: str, schema: dict[str, Any]) -> object:
        if len(fake_judge.asked) > 20:
            raise Fault(503)
        return knows(prompt, schema)

    fake_judge.script = script
    judge = judge_at(fake_judge, at_once=2, gives_up_after=2)
    figures = await judge_the_judge(judge, some, measures=MEASURES, again=4)
    await judge.close()
    assert figures.partial
    assert sum(figures.failures.values()) > 10
    assert len(fake_judge.asked) < 30
    keep_figures(figures, tmp_path)
    assert "it went away before all was asked" in trust_of(figures.judge, Settings(data_dir=tmp_path)).faults


def test_pairs_are_counted_by_hand() -> None:
    pairs = [
        Both("first", "second"),  # the right one, twice
        Both("second", "first"),  # the wrong one, twice
        Both("first", "first"),  # the first place
        Both("neither", "neither"),
        Both("neither", "second"),
        Both(None, "first"),
    ]
    order = order_of(pairs)
    assert order.same is not None
    assert order.same.mean == pytest.approx(3 / 6)
    assert (order.pairs, order.failed, order.by_order, order.right) == (6, 1, 1 / 5, 1 / 5)
    assert order.first == pytest.approx(5 / 8)
    padding = padding_of(pairs)
    assert (padding.pairs, padding.failed) == (6, 1)
    assert padding.plain == pytest.approx(4 / 10)
    assert padding.padded == pytest.approx(3 / 10)
    assert order_of([]).same is None
    assert padding_of([]).padded is None


def test_the_command_measures_keeps_and_says_whether_the_judge_may_gate(
    fake_judge: FakeJudge, labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tandem.cli.main import app
    from tandem.errors import InvalidRequestError

    monkeypatch.setenv("TANDEM_DATA_DIR", str(tmp_path / "data"))
    own = tmp_path / "own.jsonl"
    own.write_text("".join(case.model_dump_json() + "\n" for case in groups_of(labelled)[0]), "utf-8")
    fake_judge.script = oracle(labelled)
    command = ["eval", "judge", "--address", fake_judge.address, "--measures", ",".join(MEASURES)]
    runner = CliRunner()
    shown = runner.invoke(app, [*command, "--labels", str(own), "--only", "--again", "2"])
    assert shown.exit_code == 0, shown.output
    assert "fake-judge" in shown.output
    assert "own.jsonl" in shown.output
    told = runner.invoke(app, [*command, "--limit", "3", "--json", "--again", "2"])
    figures = json.loads(told.stdout)
    assert figures["labelled"]["questions"] == 3
    assert figures["trusted"] is True
    assert figures["spent"]["saved"] > 0  # the first question was asked in the first call
    assert len(list((tmp_path / "data" / "eval" / "judge" / "figures").iterdir())) == 1
    for arguments in (["--measures", "beauty"], ["--only"], ["--labels", str(tmp_path / "none")]):
        refused = runner.invoke(app, [*command, *arguments])
        assert isinstance(refused.exception, InvalidRequestError)
    fake_judge.script = by_content
