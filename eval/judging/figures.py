"""What was measured of a judge: plain data, kept in the data folder and shown as it is."""

from pydantic import BaseModel, ConfigDict

from eval.comparison import Interval
from eval.judging.identity import Identity
from eval.judging.labelled import Label


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Agreement(_Plain):
    """How one measure of the judge agrees with one label of people.

    A case that the judge gave no verdict on counts as one that it got wrong.
    """

    label: Label
    measure: str
    least: float
    """From this value on, the measure says yes."""
    cases: int
    failed: int
    """Of these, without a verdict."""
    said_yes: int
    """By people."""
    judged_yes: int
    accuracy: Interval
    kappa: Interval | None
    """Cohen's; `None` where all labels and verdicts are the same."""
    bad_precision: float | None
    """Share of what it calls bad that is bad; `None` where it calls nothing so."""
    bad_recall: float | None
    """Share of the bad that it calls so; `None` where there is none."""
    auroc: Interval | None
    """Of the measure's values, against the label; `None` where all labels are the same."""
    length: float | None
    """Rank correlation of value and length of the answer, at equal label; `None` where one does not vary."""


class Stability(_Plain):
    """Whether it says the same when asked again."""

    verdicts: int
    same: Interval | None
    """Share of equal verdicts; a verdict that failed is equal to none."""


class Order(_Plain):
    """Whether the order of two answers decides which is better."""

    pairs: int
    failed: int
    same: Interval | None
    """Share of pairs whose verdict does not turn with their order; a failed one does."""
    by_order: float | None
    """Share of pairs in which twice the first, or twice the second place has won."""
    first: float | None
    """Share of the verdicts that name a place which name the first; 0.5 is fair."""
    right: float | None
    """Share of pairs in which the right answer has won twice."""


class Padding(_Plain):
    """Whether words that say nothing make an answer better."""

    pairs: int
    failed: int
    padded: float | None
    """Share of the verdicts, two a pair, that prefer the padded answer; it should be 0."""
    plain: float | None
    """That prefer the same answer without padding."""


class Spent(_Plain):
    """What measuring it took."""

    calls: int
    saved: int
    tokens_in: int
    tokens_out: int
    failed: int
    seconds: float


class JudgeFigures(_Plain):
    """All of it."""

    judge: Identity
    measured_at: str
    """ISO 8601, UTC."""
    labelled: dict[str, str | int]
    """The cases: name, hash, cases, questions."""
    agreement: tuple[Agreement, ...]
    stability: Stability
    order: Order
    padding: Padding
    spent: Spent
    failures: dict[str, int] = {}
    """How often each reason left a case without a verdict."""
    partial: bool = False
    """Whether the judge went away, or its budget was used up, before all was asked."""
