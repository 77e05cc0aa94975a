"""What answers take: seconds, tokens, money."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from eval.case import EvalCase
from eval.comparison import Cost
from eval.measure import Measure, Scores, Stage
from eval.reply import Reply
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import PassedOver, any_case, score
from tandem.errors import InvalidRequestError

SECONDS = Measure(
    "seconds",
    "Seconds an answer",
    Stage.COST,
    "From the request to the last byte, with others asked at the same time.",
    "seconds",
    better="lower",
)
FIRST_TOKEN = Measure(
    "first_token_s",
    "Seconds to the first token",
    Stage.COST,
    "From the request to the first piece of text, with others asked at the same time.",
    "seconds",
    better="lower",
)
TOKENS_IN = Measure(
    "tokens_in",
    "Tokens read",
    Stage.COST,
    "Tokens of the prompt of an answer, as the engine counts them.",
    "tokens",
    better="lower",
)
TOKENS_OUT = Measure(
    "tokens_out",
    "Tokens written",
    Stage.COST,
    "Tokens that the model wrote for an answer.",
    "tokens",
    better="neither",
)
MEASURES = (SECONDS, FIRST_TOKEN, TOKENS_IN, TOKENS_OUT)


@dataclass(frozen=True, slots=True)
class Prices:
    """What is paid, in one currency: for tokens, or for the time of the machine. Neither: no price is known."""

    per_million_in: float | None = None
    per_million_out: float | None = None
    per_hour: float | None = None
    """Of the machine or GPU that answers."""
    currency: str = ""

    def __post_init__(self) -> None:
        """Raises `InvalidRequestError` for half a table, both kinds at once, or a price below 0."""
        table = (self.per_million_in, self.per_million_out)
        if (table[0] is None) != (table[1] is None):
            raise InvalidRequestError(
                "A price of tokens is missing", hint="Name those read and those written."
            )
        if table[0] is not None and self.per_hour is not None:
            raise InvalidRequestError("Prices are of tokens or of an hour, not of both", param="prices")
        if any(price is not None and not price >= 0 for price in (*table, self.per_hour)):
            raise InvalidRequestError("A price is below 0", param="prices")


def score_cost(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Scores]:
    """Seconds and tokens of each answer of one arm."""
    rows = rows_of(cases, replies)
    return [
        score(SECONDS, rows, lambda row: row.reply.seconds, asks=any_case),
        score(FIRST_TOKEN, rows, _first_token, asks=any_case),
        score(TOKENS_IN, rows, lambda row: row.reply.tokens_in, asks=any_case),
        score(TOKENS_OUT, rows, lambda row: row.reply.tokens_out, asks=any_case),
    ]


def cost_of(
    replies: Sequence[Reply],
    busy_s: float,
    prices: Prices | None = None,
    *,
    training_s: float | None = None,
    storage_bytes: int | None = None,
    set_up_s: float | None = None,
) -> Cost:
    """What the answers of one arm took; those that failed are left out.

    `busy_s` is the time in which at least one of these questions was being answered: what tokens a second, and the
    price of an hour, are reckoned by. Raises `ValueError` for no answer, or no time.
    """
    answers = [reply for reply in replies if reply.failure is None]
    if not answers or not busy_s > 0:
        raise ValueError("there is no answer to reckon the cost of")
    first = [reply.first_token_s for reply in answers if reply.first_token_s is not None]
    tokens_in = fmean(reply.tokens_in for reply in answers)
    tokens_out = fmean(reply.tokens_out for reply in answers)
    money, basis = _money(prices or Prices(), tokens_in, tokens_out, busy_s / len(answers))
    return Cost(
        seconds_p50=_quantile([reply.seconds for reply in answers], 50),
        seconds_p95=_quantile([reply.seconds for reply in answers], 95),
        first_token_s_p50=_quantile(first, 50) if first else None,
        first_token_s_p95=_quantile(first, 95) if first else None,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_per_s=tokens_out * len(answers) / busy_s,
        money_per_1000=money,
        money_basis=basis,
        training_s=training_s,
        storage_bytes=storage_bytes,
        set_up_s=set_up_s,
    )


def _money(prices: Prices, tokens_in: float, tokens_out: float, seconds: float) -> tuple[float | None, str]:
    """Of 1,000 answers of so many tokens and seconds of the machine each, and how it was reckoned."""
    unit = f" {prices.currency}" if prices.currency else ""
    if prices.per_million_in is not None and prices.per_million_out is not None:
        money = (tokens_in * prices.per_million_in + tokens_out * prices.per_million_out) / 1_000
        return money, (
            f"{prices.per_million_in:g}{unit} a million tokens read, {prices.per_million_out:g}{unit} written"
        )
    if prices.per_hour is not None:
        return 1_000 * seconds / 3_600 * prices.per_hour, (
            f"{prices.per_hour:g}{unit} an hour of the machine, kept as busy as in this run"
        )
    return None, "no price was given"


def _quantile(values: Sequence[float], percent: float) -> float:
    return float(np.percentile(values, percent))


def _first_token(row: Row) -> float:
    if row.reply.first_token_s is None:
        raise PassedOver("nothing was streamed")
    return row.reply.first_token_s
