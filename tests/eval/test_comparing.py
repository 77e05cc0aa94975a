"""A run, its replies and its set make one comparison, and always the same."""

import random
from datetime import UTC, datetime

import pytest
from eval_plan import CASES, plan

from eval.comparing import Options, compare_run, replies_by_arm
from eval.reply import Failure, Reply
from eval.running import EvalRun
from eval.sets import EvalSet
from tandem.errors import InvalidRequestError

SET = EvalSet("s", 1, "h", len(CASES), "", "", "", datetime.now(UTC), {}, CASES)


def run(state: str = "finished", **facts: object) -> EvalRun:
    return EvalRun("ab" * 16, state, datetime.now(UTC), None, plan(**facts).facts, 16, 0)  # type: ignore[arg-type]


def replies(fails: str = "") -> list[Reply]:
    """`rag` says what is right, `base` every other time."""
    return [
        Reply(
            arm=arm,
            recipe_version="v",
            case=case.id,
            question=case.question,
            text="an answer" if arm == "rag" or number % 2 else "something else",
            tokens_in=50,
            tokens_out=4,
            begun_at=number,
            seconds=1.0,
            failure=Failure(type="timeout", message="slow") if case.id == fails and arm == "rag" else None,
        )
        for number, case in enumerate(CASES)
        for arm in ("base", "rag")
    ]


def test_the_order_in_which_replies_came_changes_nothing() -> None:
    first = compare_run(run(), replies(), SET)
    mixed = replies()
    random.Random(1).shuffle(mixed)
    again = compare_run(run(), mixed, SET)
    same = {"created": ""}
    assert again.model_copy(update=same).model_dump_json() == first.model_copy(update=same).model_dump_json()
    means = {arm.name: next(one for one in arm.figures if one.measure == "token_f1") for arm in first.arms}
    assert means["rag"].estimate is not None
    assert means["rag"].estimate.mean == 1.0
    assert means["base"].estimate is not None
    assert means["base"].estimate.mean == 0.5
    assert {one.measure for one in first.differences} <= {one.name for one in first.measures}
    assert first.eval_set["cases"] == first.eval_set["answerable"] == 8
    assert not first.partial
    assert first.warnings == ()


def test_what_a_reader_must_know_is_a_warning() -> None:
    facts = {"forced": ("1 of 8 cases leak into train",), "drawn_with": 3}
    partial = run("partial", **facts)
    of = partial.facts.eval_set.model_copy(update={"of": 20})
    partial = EvalRun(
        partial.id,
        "partial",
        partial.created_at,
        None,
        partial.facts.model_copy(update={"eval_set": of}),
        15,
        1,
    )
    found = compare_run(partial, replies("q3")[:-1], SET, Options(warnings=("The judge is unproven.",)))
    told = " ".join(found.warnings)
    for words in (
        "leak into train",
        "15 of 16 questions",
        "1 of 7 questions to rag",
        "8 of the set's 20",
        "unproven",
    ):
        assert words in told
    assert found.partial
    assert [arm.failed for arm in found.arms] == [0, 1]


def test_a_measure_without_a_value_cannot_decide() -> None:
    with pytest.raises(InvalidRequestError, match="faithfulness"):
        compare_run(run(), replies(), SET, Options(leading="faithfulness"))
    with pytest.raises(InvalidRequestError):
        compare_run(run("partial"), [], SET)


def test_an_arm_that_searches_nothing_answers_alike_without_its_documents() -> None:
    by_arm = replies_by_arm(plan(without=True), replies())
    assert sum(one.variant == "without" for one in by_arm["base"]) == 4
    assert all(one.variant == "asked" for one in by_arm["rag"])
