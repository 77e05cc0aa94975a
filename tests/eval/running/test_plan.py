"""Every question of a run, once, in an order that favours no arm."""

from collections import Counter
from dataclasses import replace

from eval_plan import CASES, plan

from eval.reply import Reply


def test_each_arm_is_asked_each_question_and_the_arms_take_turns_in_being_first() -> None:
    (group,) = plan(seed=5, max_tokens=9, searched=("docs",)).groups()
    assert Counter((one.arm, one.case) for one in group) == {
        (name, case.id): 1 for name in ("base", "rag") for case in CASES
    }
    assert [one.arm for one in group[:4]] == ["base", "rag", "rag", "base"]
    assert {(one.arm, one.instructions) for one in group} == {("base", "Say yes or no."), ("rag", "")}
    assert {(one.seed, one.max_tokens, one.corpora) for one in group} == {(5, 9, ("docs",))}


def test_the_last_cases_are_asked_arm_after_arm() -> None:
    together, *alone = plan(alone=3).groups()
    assert {one.case for one in together} == {f"q{n}" for n in range(5)}
    assert [{one.arm for one in group} for group in alone] == [{"base"}, {"rag"}]
    assert [[one.case for one in group] for group in alone] == [["q5", "q6", "q7"]] * 2
    everything = plan(alone=3).askings()
    assert len({one.key for one in everything}) == len(everything) == 16


def test_documents_are_left_out_where_an_arm_searches_and_the_others_answers_are_copied() -> None:
    held = plan(without=True)
    without = [one for one in held.askings() if one.variant == "without"]
    assert {(one.arm, one.case, one.without) for one in without} == {
        ("rag", f"q{n}", (f"d{n}.md",)) for n in (1, 3, 5, 7)
    }
    replies = [
        Reply(arm=name, recipe_version="v", case="q1", question="Question 1?", text=name)
        for name in ("base", "rag")
    ]
    assert [(one.arm, one.variant, one.text) for one in held.copies(replies)] == [("base", "without", "base")]
    assert plan().copies(replies) == []


def test_what_another_document_answers_too_is_not_asked_without_its_own() -> None:
    held = plan(without=True)
    marked = replace(
        held, cases=tuple(case.model_copy(update={"elsewhere": case.id == "q1"}) for case in held.cases)
    )
    assert {one.case for one in marked.askings() if one.variant == "without"} == {"q3", "q5", "q7"}
    reply = Reply(arm="base", recipe_version="v", case="q1", question="Question 1?", text="base")
    assert marked.copies([reply]) == []
    planted = replace(marked, facts=marked.facts.model_copy(update={"planted": ("noise",)}))
    assert "q1" in {one.case for one in planted.askings() if one.variant == "noise"}


def test_paraphrases_repeats_and_planted_passages_are_asked_besides() -> None:
    asked = plan(paraphrases=True, repeats=2, seed=0, planted=("noise",), searched=("docs",)).askings()
    by_variant = Counter((one.variant, one.arm) for one in asked)
    assert by_variant["paraphrase", "rag"] == by_variant["paraphrase", "base"] == 1
    assert by_variant["repeat", "base"] == 16
    assert (by_variant["noise", "rag"], by_variant["noise", "base"]) == (4, 0)
    repeats = [one for one in asked if one.variant == "repeat" and one.case == "q0" and one.arm == "rag"]
    assert [(one.part, one.seed) for one in repeats] == [(0, 1), (1, 2)]
    assert {one.corpora for one in asked if one.variant == "noise"} == {("docs", "docs-noise")}
    assert next(one.question for one in asked if one.variant == "paraphrase") == "Asked otherwise 1?"


def test_another_recipe_version_is_another_question() -> None:
    asking = plan().askings()[0]
    assert asking.key == asking.model_copy().key
    assert asking.key != asking.model_copy(update={"recipe_version": "other"}).key
