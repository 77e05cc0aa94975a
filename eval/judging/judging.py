"""The judge is judged: does it agree with people, with itself, and whatever the order and the length of answers?"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from eval.judging.agreement import VERDICTS, agreement
from eval.judging.comparing import Both, in_both_orders, order_of, padded, padding_of, share
from eval.judging.figures import JudgeFigures, Spent, Stability
from eval.judging.judge import Judge, present
from eval.judging.labelled import LabelledCase, groups_of, hash_of
from eval.judging.scores import judge_scores
from eval.measure import Scores

if TYPE_CHECKING:
    from tandem.embedding import Embedder

MEASURES = ("faithfulness", "answer_accuracy", "answer_relevancy")
"""One a label: what is measured of a judge unless other measures are named."""
AGAIN = 24
"""Cases that are asked again, unless another number is named."""

Moved = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


async def judge_the_judge(
    judge: Judge,
    cases: Sequence[LabelledCase],
    embedder: "Embedder | None" = None,
    measures: Sequence[str] = MEASURES,
    name: str = "bundled",
    again: int = AGAIN,
    fresh: str = "",
    moved: Moved = lambda step, done, total: None,
) -> JudgeFigures:
    """Ask it about all cases, about some of them again, and about pairs of answers in both orders.

    Measures that need the embedder are left out without one. `fresh` is a word that no earlier measuring had, or
    nothing: then what the judge has said before counts. A judge that goes away leaves figures that are `partial`.

    Raises `UnavailableError` where it is not there at the start, `InvalidRequestError`, `StorageError`.
    """
    begun = time.monotonic()
    identity = await present(judge)
    wanted = [each for each in measures if each in VERDICTS and (embedder or each != "answer_relevancy")]
    first = await _ask(judge, cases, embedder, wanted, fresh, "labels", moved)
    some = _spread(cases, again)
    second = await _ask(judge, some, embedder, wanted, f"{fresh}again", "again", moved)
    pairs, paddings, faults = await _pairs(judge, cases, fresh, moved)
    reasons = Counter(reason for scores in first for reason in scores.failed.values()) + Counter(faults)
    found = [each for scores in first if (each := agreement(cases, scores))]
    usage = judge.usage
    return JudgeFigures(
        judge=identity,
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        labelled={
            "name": name,
            "hash": hash_of(cases),
            "cases": len(cases),
            "questions": len(groups_of(cases)),
        },
        agreement=tuple(found),
        stability=_stability(first, second),
        order=order_of(pairs),
        padding=padding_of(paddings),
        spent=Spent(
            calls=usage.calls,
            saved=usage.saved,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            failed=usage.failed,
            seconds=round(time.monotonic() - begun, 1),
        ),
        failures=dict(reasons.most_common()),
        partial=judge.down is not None or any("budget used up" in reason for reason in reasons),
    )


async def _ask(
    judge: Judge,
    cases: Sequence[LabelledCase],
    embedder: "Embedder | None",
    measures: Sequence[str],
    occasion: str,
    step: str,
    moved: Moved,
) -> list[Scores]:
    return await judge_scores(
        [case.as_case() for case in cases],
        [case.as_reply() for case in cases],
        judge,
        measures,
        embedder,
        lambda done, total: moved(step, done, total),
        occasion,
    )


def _stability(first: Sequence[Scores], second: Sequence[Scores]) -> Stability:
    """Verdict by verdict; one that is missing in either is equal to none."""
    same = []
    for one, other in zip(first, second, strict=True):
        _, least = VERDICTS[one.measure.name]
        for case in (*other.values, *other.failed):
            both = [scores.values.get(case) for scores in (one, other)]
            told = [value >= least - 1e-9 for value in both if value is not None]
            same.append(float(len(told) == 2 and told[0] == told[1]))
    return Stability(verdicts=len(same), same=share(same))


async def _pairs(
    judge: Judge, cases: Sequence[LabelledCase], fresh: str, moved: Moved
) -> tuple[list[Both], list[Both], list[str]]:
    """Of each question that has both: a right and a wrong answer; and a right one without and with padding."""
    asked: list[tuple[bool, LabelledCase, str]] = []
    for group in groups_of(cases):
        right = next((case for case in group if case.good), None)
        wrong = next((case for case in group if case.correct is False), None)
        if right is not None:
            asked.append((True, right, padded(right.answer, len(asked))))
            if wrong is not None:
                asked.append((False, right, wrong.answer))
    done = 0

    async def ask(case: LabelledCase, other: str) -> tuple[Both, list[str]]:
        nonlocal done
        found = await in_both_orders(judge, case, case.answer, other, fresh)
        done += 1
        moved("pairs", done, len(asked))
        return found

    found = await asyncio.gather(*(ask(case, other) for _, case, other in asked))
    sides: dict[bool, list[Both]] = {True: [], False: []}
    for (is_padding, _, _), (both, _) in zip(asked, found, strict=True):
        sides[is_padding].append(both)
    return sides[False], sides[True], [fault for _, faults in found for fault in faults]


def _spread(cases: Sequence[LabelledCase], number: int) -> list[LabelledCase]:
    """So many cases, evenly over the whole."""
    if number >= len(cases):
        return list(cases)
    return [cases[n * len(cases) // number] for n in range(number)]
