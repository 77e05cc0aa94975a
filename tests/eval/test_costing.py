"""What an arm's answers took is told by where it was asked alone."""

import pytest
from eval_plan import BASE, CASES, RAG, plan

from eval.costing import cost_of_arm, set_up_of, storage_of
from eval.prices import ALL, PriceTable
from eval.reply import Failure, Reply
from eval.suites.cost import Prices


def reply(arm: str, case: str, begun_at: float, seconds: float, **more: object) -> Reply:
    fields = {"tokens_in": 100, "tokens_out": 10} | more
    return Reply(
        arm=arm, recipe_version="v", case=case, question="?", begun_at=begun_at, seconds=seconds, **fields
    )


def test_in_turns_each_question_has_an_equal_share_of_the_machine() -> None:
    ours = [reply("rag", "q0", 0, 4), reply("rag", "q1", 4, 4)]
    theirs = [reply("base", "q0", 0, 4, tokens_out=2)]
    hour = PriceTable({ALL: Prices(per_hour=3600)})
    cost = cost_of_arm(RAG, plan().facts, ours, [*ours, *theirs], hour)
    # 2 s beside the other, 4 s alone: 6 s for 2 answers, at 1 a second.
    assert cost.money_per_1000 == pytest.approx(3000)
    assert cost.tokens_per_s == pytest.approx(20 / 6)
    assert "equal share" in cost.money_basis
    assert (cost.seconds_p50, cost.tokens_in) == (4, 100)


def test_what_was_asked_alone_tells_the_time_and_all_answers_the_tokens() -> None:
    facts = plan(alone=8).facts
    alone = [reply("rag", case.id, n, 1) for n, case in enumerate(CASES)]
    cost = cost_of_arm(RAG, facts, alone, alone, PriceTable({"rag": Prices(per_hour=3600)}))
    assert cost.money_per_1000 == pytest.approx(1000)
    assert "by itself" in cost.money_basis
    mixed = plan(alone=0).facts.model_copy(update={"alone": 8})
    others = [reply("base", case.id, n + 100, 5) for n, case in enumerate(CASES)]
    again = cost_of_arm(RAG, mixed, alone, [*alone, *others], PriceTable())
    assert again.tokens_per_s == pytest.approx(10)
    assert again.money_per_1000 is None


def test_prices_of_tokens_are_of_all_answers_and_an_arm_may_have_its_own() -> None:
    table = PriceTable({ALL: Prices(1, 2), "rag": Prices(10, 20, currency="EUR")})
    ours = [reply("rag", "q0", 0, 1)]
    cost = cost_of_arm(RAG, plan().facts, ours, ours, table)
    assert cost.money_per_1000 == pytest.approx((100 * 10 + 10 * 20) / 1000)
    assert "share of the machine" not in cost.money_basis
    assert table.of(BASE).per_million_in == 1


def test_an_arm_without_an_answer_has_no_cost_and_one_that_needs_nothing_needs_nothing() -> None:
    failed = [reply("base", "q0", 0, 1, failure=Failure(type="timeout", message="slow"))]
    cost = cost_of_arm(BASE, plan().facts, failed, failed, PriceTable())
    assert (cost.tokens_per_s, cost.money_basis) == (0, "no question was answered")
    assert (storage_of(BASE), set_up_of(BASE)) == (0, 0)
    assert (storage_of(RAG), set_up_of(RAG)) == (None, None)
    whole = RAG.model_copy(
        update={
            "adapter": "a@1",
            "adapter_bytes": 5,
            "index_bytes": 7,
            "training_s": 60.0,
            "ingestion_s": 2.0,
        }
    )
    assert (storage_of(whole), set_up_of(whole)) == (12, 62)
