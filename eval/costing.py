"""What the answers of an arm took and cost, by where in the run it was asked alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.comparison import Cost
from eval.prices import PriceTable
from eval.reply import Reply
from eval.running.busy import busy_seconds
from eval.running.facts import ArmFacts, RunFacts
from eval.suites.cost import cost_of

_FEWEST = 8
"""Answers from which those that were asked alone are told from."""


@dataclass(frozen=True, slots=True)
class _Timed:
    """The answers whose time counts, the seconds of the machine that they took, and how that is known, in words."""

    replies: list[Reply]
    busy_s: float
    basis: str


def cost_of_arm(
    arm: ArmFacts, facts: RunFacts, replies: Sequence[Reply], everybody: Sequence[Reply], prices: PriceTable
) -> Cost:
    """The cost of an arm's answers; `everybody` has the replies of all arms.

    Seconds, tokens a second and the price of an hour are of the cases that were asked of one arm after the other,
    where there are such: then no other arm is in the same batches. Else they are of all, and each question that was
    under way has an equal share of the machine (`busy_seconds`). Tokens are of all answers.
    """
    every = [one for one in replies if one.variant == "asked" and one.failure is None]
    timed = _timed(arm, facts, replies, everybody)
    if not any(one.failure is None for one in timed.replies):
        return _none(arm)
    price = prices.of(arm)
    cost = cost_of(
        timed.replies,
        timed.busy_s,
        price,
        training_s=arm.training_s,
        storage_bytes=storage_of(arm),
        set_up_s=set_up_of(arm),
    )
    # What tokens cost does not depend on who else was asked.
    whole = cost_of(every, timed.busy_s, price)
    by_hour = price.per_hour is not None
    return cost.model_copy(
        update={
            "tokens_in": whole.tokens_in,
            "tokens_out": whole.tokens_out,
            "money_per_1000": cost.money_per_1000 if by_hour else whole.money_per_1000,
            "money_basis": cost.money_basis + (timed.basis if by_hour else ""),
        }
    )


def _timed(arm: ArmFacts, facts: RunFacts, replies: Sequence[Reply], everybody: Sequence[Reply]) -> _Timed:
    asked = [one for one in replies if one.variant == "asked"]
    places = facts.eval_set.cases
    last = set(places[len(places) - facts.alone :]) if facts.alone else set()
    alone = [one for one in asked if one.case in last]
    if sum(one.failure is None for one in alone) >= _FEWEST:
        basis = f"; of the last {len(alone)} questions, which each arm was asked by itself"
        return _Timed(alone, busy_seconds(alone)[arm.name], basis)
    beside = [one for one in everybody if one.variant != "asked" or one.case not in last]
    own = sum(one.arm == arm.name for one in beside)
    busy = busy_seconds(beside).get(arm.name, 0.0) * len(asked) / max(1, own)
    by_itself = len(facts.arms) == 1
    basis = "; in turns with other arms, each question an equal share of the machine"
    return _Timed(asked, busy, "" if by_itself else basis)


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
