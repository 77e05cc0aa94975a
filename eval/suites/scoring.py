"""Applies a measure to rows, and keeps account of what it could not say."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from eval.case import EvalCase
from eval.measure import Measure, Scores
from eval.reply import Failure
from eval.suites.rows import Row, retrieves

Value = Callable[[Row], float]
Reason = Callable[[EvalCase], str | None]

NO_ANSWER_THERE = "its answer is not in the corpus"
_LACKS = {
    "references": ("references", "no reference"),
    "documents": ("documents", "no document named"),
    "label": ("label", "asks for no class"),
    "paraphrases": ("paraphrases", "no paraphrase"),
}


class PassedOver(Exception):  # noqa: N818  # no error: a measure's way to say that it does not ask about a row
    """Raised by a value: the measure does not ask about this answer; the message says why."""


class NoAnswer(Exception):  # noqa: N818  # of the arm, not of the metric
    """Raised by a value that needs an answer that an error took; the message says which."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"no answer: {failure.type}: {failure.message}")


def answerable(case: EvalCase) -> str | None:
    """The reason to pass over a case without an answer; most measures ask only about the others."""
    return None if case.answerable else NO_ANSWER_THERE


def any_case(case: EvalCase) -> str | None:
    """Passes over nothing."""
    return None


def score(measure: Measure, rows: Sequence[Row], value: Value, asks: Reason = answerable) -> Scores:
    """One value a row. Three things may happen to a row instead:

    - it is passed over: `asks` gives a reason, the case lacks what the measure needs, or `value` raises
      `PassedOver`;
    - it failed: the question has no answer because of an error, `value` raises anything else or gives NaN;
    - of two rows of the same case, the first counts.
    """
    values: dict[str, float] = {}
    failed: dict[str, str] = {}
    passed_over: dict[str, str] = {}
    blind = "passages" in measure.needs and not retrieves(row.reply for row in rows)
    for row in rows:
        key = row.case.id
        if key in values or key in failed or key in passed_over:
            continue
        if reason := asks(row.case) or lacking(measure, row.case):
            passed_over[key] = reason
        elif row.reply.failure:
            failed[key] = str(NoAnswer(row.reply.failure))
        elif blind:
            passed_over[key] = "the arm retrieves nothing"
        else:
            _put(key, partial(value, row), values, failed, passed_over)
    return Scores(measure, values, failed, passed_over)


def score_items(measure: Measure, items: Iterable[tuple[str, Callable[[], float]]]) -> Scores:
    """The same for what is no answer: of each item its id and its value, which may fail or be passed over."""
    values: dict[str, float] = {}
    failed: dict[str, str] = {}
    passed_over: dict[str, str] = {}
    for key, value in items:
        _put(key, value, values, failed, passed_over)
    return Scores(measure, values, failed, passed_over)


def pass_over(measure: Measure, cases: Iterable[EvalCase], reason: str) -> Scores:
    """No case is asked about, for one reason."""
    return Scores(measure, passed_over={case.id: reason for case in cases})


def lacking(measure: Measure, case: EvalCase) -> str | None:
    """What the case lacks of what the measure needs."""
    for need, (field, reason) in _LACKS.items():
        if need in measure.needs and not getattr(case, field):
            return reason
    return None


def _put(
    key: str,
    value: Callable[[], float],
    values: dict[str, float],
    failed: dict[str, str],
    passed_over: dict[str, str],
) -> None:
    try:
        number = float(value())
    except PassedOver as reason:
        passed_over[key] = str(reason)
    except NoAnswer as error:
        failed[key] = str(error)
    except Exception as error:  # noqa: BLE001  # whatever a metric raises is one failed case, counted
        failed[key] = f"{type(error).__name__}: {error}"
    else:
        if math.isfinite(number):
            values[key] = number
        else:
            failed[key] = f"the metric gave {number}"
