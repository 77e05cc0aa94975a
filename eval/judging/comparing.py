"""Two answers to one question, shown to a judge in both orders."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, Field

from eval.comparison import Interval
from eval.judging.faults import JudgeError
from eval.judging.figures import Order, Padding
from eval.judging.identity import pairwise_prompt
from eval.judging.judge import Judge
from eval.judging.labelled import LabelledCase
from tandem.prompts import render
from tandem.resampling import bootstrap_mean

Place = Literal["first", "second", "neither"]

_PADDING = (
    "The question that was asked is an understandable one, and it has been looked at with care. {answer} This is "
    "what can be said about it here, and it is hoped that it is of use to whoever has asked.",
    "Thank you for this question. There are several ways in which one could begin, and it is worth taking a moment "
    "before one does. {answer} With that, the question has been dealt with.",
    "In order to respond to this in a complete manner, the material was gone through from its beginning to its end. "
    "{answer} To sum up, that is the response, as it has just been set out above.",
)
"""Around an answer they add words and nothing that is said."""


class Better(BaseModel):
    """Which of two answers the judge prefers, by its place."""

    reason: str = Field(description="One short sentence.")
    better: Place


@dataclass(frozen=True, slots=True)
class Both:
    """Who won in each order: `one` is shown first, then `one` is shown second. `None`: no verdict."""

    shown_first: Place | None
    shown_second: Place | None

    @property
    def winners(self) -> tuple[str, str] | None:
        """`one`, `other` or `neither`, in each order; `None` where a verdict is missing."""
        if self.shown_first is None or self.shown_second is None:
            return None
        straight = {"first": "one", "second": "other", "neither": "neither"}[self.shown_first]
        turned = {"first": "other", "second": "one", "neither": "neither"}[self.shown_second]
        return straight, turned


async def in_both_orders(
    judge: Judge, case: LabelledCase, one: str, other: str, occasion: str = ""
) -> tuple[Both, list[str]]:
    """The verdicts on two answers to the question of the case, and why one is missing."""
    said = await asyncio.gather(
        *(_better(judge, case, *pair, occasion) for pair in ((one, other), (other, one)))
    )
    places = [each if isinstance(each, str) else None for each in said]
    return Both(*places), [str(each) for each in said if isinstance(each, JudgeError)]


def order_of(pairs: Sequence[Both]) -> Order:
    """Figures of pairs whose `one` is right and whose `other` is wrong."""
    known = [winners for pair in pairs if (winners := pair.winners)]
    places = [each for pair in pairs for each in (pair.shown_first, pair.shown_second)]
    named = [place for place in places if place in ("first", "second")]
    same = [float(pair.winners is not None and len(set(pair.winners)) == 1) for pair in pairs]
    turned = [pair.shown_first == pair.shown_second != "neither" for pair in pairs if pair.winners]
    return Order(
        pairs=len(pairs),
        failed=len(pairs) - len(known),
        same=share(same),
        by_order=sum(turned) / len(known) if known else None,
        first=named.count("first") / len(named) if named else None,
        right=sum(winners == ("one", "one") for winners in known) / len(known) if known else None,
    )


def padding_of(pairs: Sequence[Both]) -> Padding:
    """Figures of pairs whose `one` is an answer and whose `other` is the same with padding."""
    known = [winner for pair in pairs if pair.winners for winner in pair.winners]
    return Padding(
        pairs=len(pairs),
        failed=len(pairs) - len(known) // 2,
        padded=known.count("other") / len(known) if known else None,
        plain=known.count("one") / len(known) if known else None,
    )


def padded(answer: str, n: int) -> str:
    """The answer with words around it that add nothing."""
    return _PADDING[n % len(_PADDING)].replace("{answer}", answer)


def share(values: Sequence[float]) -> Interval | None:
    """Mean with its 95% interval; `None` for no values."""
    if not values:
        return None
    estimate = bootstrap_mean(list(values))
    return Interval(mean=estimate.mean, low=estimate.low, high=estimate.high)


async def _better(
    judge: Judge, case: LabelledCase, first: str, second: str, occasion: str
) -> Place | JudgeError:
    messages = render(
        pairwise_prompt(), question=case.question, passages=list(case.passages), first=first, second=second
    )
    try:
        reply = await judge.ask(messages[0]["content"], Better, occasion=occasion)
    except JudgeError as fault:
        return fault
    return reply.better
