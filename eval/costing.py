"""What the answers of an arm took and cost, by where in the run it was asked alone."""

from collections.abc import Sequence

from eval.comparison import Cost
from eval.prices import PriceTable
from eval.reply import Reply
from eval.running.busy import busy_seconds
from eval.running.facts import ArmFacts, RunFacts
from eval.suites.cost import cost_of

_FEWEST = 8
"""Answers from which those that were asked alone are told from."""


def cost_of_arm(
    arm: ArmFacts, facts: RunFacts, replies: Sequence[Reply], everybody: Sequence[Reply], prices: PriceTable
) -> Cost:
    """The cost of an arm's answers; `everybody` has the replies of all arms.

    Seconds, tokens a second and the price of an hour are of the cases that were asked of one arm after the other,
    where there are such: then no other arm is in the same batches. Else they are of all, and each question that was
    under way has an equal share of the machine (`busy_seconds`). Tokens are of all answers.
    """
    asked = [one for one in replies if one.variant == "asked"]
    alone_in = set(facts.eval_set.cases[len(facts.eval_set.cases) - facts.alone :]) if facts.alone else set()
    alone = [one for one in asked if one.case in alone_in]
    by_itself = len(facts.arms) == 1
    timed, basis = (
        asked,
        "" if by_itself else "; in turns with other arms, each question an equal share of the machine",
    )
    beside = [one for one in everybody if one.variant != "asked" or one.case not in alone_in]
    if sum(one.failure is None for one in alone) >= _FEWEST:
        timed, beside = alone, alone
        basis = f"; of the last {len(alone)} questions, which each arm was asked by itself"
    answered = [one for one in timed if one.failure is None]
    if not answered:
        return _none(arm)
    busy = busy_seconds(beside).get(arm.name, 0.0) * len(timed) / max(1, _own(beside, arm))
    cost = cost_of(
        timed,
        busy,
        prices.of(arm),
        training_s=arm.training_s,
        storage_bytes=storage_of(arm),
        set_up_s=set_up_of(arm),
    )
    every = [one for one in asked if one.failure is None]
    tokens_in, tokens_out = (
        sum(one.tokens_in for one in every) / len(every),
        sum(one.tokens_out for one in every) / len(every),
    )
    money = cost.money_per_1000
    table = prices.of(arm)
    if table.per_million_in is not None and table.per_million_out is not None:
        money = (tokens_in * table.per_million_in + tokens_out * table.per_million_out) / 1_000
        basis = ""
    return cost.model_copy(
        update={
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
            "money_per_1000": money,
            "money_basis": cost.money_basis + (basis if money is not None else ""),
        }
    )


def storage_of(arm: ArmFacts) -> int | None:
    """Bytes that the arm needs beside the model; `None` where part of it is not known."""
    parts = [
        *([arm.adapter_bytes] if arm.adapter is not None else []),
        *([arm.index_bytes] if arm.retrieves else []),
    ]
    known = [one for one in parts if one is not None]
    return sum(known) if len(known) == len(parts) else None


def set_up_of(arm: ArmFacts) -> float | None:
    """Seconds of ingesting and training; `None` where part of it is not known."""
    parts = [
        *([arm.training_s] if arm.adapter is not None else []),
        *([arm.ingestion_s] if arm.retrieves else []),
    ]
    known = [one for one in parts if one is not None]
    return sum(known) if len(known) == len(parts) else None


def _own(replies: Sequence[Reply], arm: ArmFacts) -> int:
    return sum(one.arm == arm.name for one in replies)


def _none(arm: ArmFacts) -> Cost:
    return Cost(
        seconds_p50=0.0,
        seconds_p95=0.0,
        first_token_s_p50=None,
        first_token_s_p95=None,
        tokens_in=0.0,
        tokens_out=0.0,
        tokens_per_s=0.0,
        money_per_1000=None,
        money_basis="no question was answered",
        training_s=arm.training_s,
        storage_bytes=storage_of(arm),
        set_up_s=set_up_of(arm),
    )
