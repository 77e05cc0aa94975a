"""The values of Ragas's measures that ask a judge: one a case, and for each that is missing the reason."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eval.case import EvalCase
from eval.judging.faults import JudgeError
from eval.judging.judge import Judge
from eval.judging.measures import ASKINGS, LLM_MEASURES, Asking
from eval.judging.rows import row_of
from eval.judging.untracked import untracked
from eval.measure import Scores
from eval.reply import Reply
from tandem.errors import InvalidRequestError
from tandem.threads import in_thread

if TYPE_CHECKING:
    from tandem.embedding import Embedder

Moved = Callable[[int, int], None]
"""Told after each value: those that are done, of all."""

_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What Ragas's arithmetic raises on replies that do not fit together, such as fewer verdicts than statements."""


async def judge_scores(
    cases: Sequence[EvalCase],
    replies: Sequence[Reply],
    judge: Judge,
    measures: Iterable[str] | None = None,
    embedder: "Embedder | None" = None,
    moved: Moved = lambda done, total: None,
    occasion: str = "",
) -> list[Scores]:
    """Values by the judge, of the answers of one arm to these cases (those asked as they are).

    `measures` are names of `LLM_MEASURES`, all by default; without an embedder, those that need one are left out
    unless they are named. Never raises for what the judge does: a case without a value is in `failed`, with the
    reason. What the judge has said once is not asked again, in another run neither, unless the `occasion` differs.

    Raises `InvalidRequestError` for an unknown measure, one that needs the embedder where there is none,
    or a judge whose model must be named; `ValueError` for replies of several arms; `StorageError`; `SettingsError`
    where Ragas is not installed.
    """
    askings = [ASKINGS[name] for name in _wanted(measures, embedder)]
    answered = _by_case(replies)
    values: dict[str, dict[str, float]] = {one.measure.name: {} for one in askings}
    failed: dict[str, dict[str, str]] = {one.measure.name: {} for one in askings}
    passed_over: dict[str, dict[str, str]] = {one.measure.name: {} for one in askings}
    jobs = [(case, asking) for case in cases if case.id in answered for asking in askings]
    ragas = await in_thread(_import_ragas)
    embeddings = ragas.TandemEmbedding(embedder) if embedder is not None else None
    done = 0

    async def job(case: EvalCase, asking: Asking) -> None:
        nonlocal done
        name, reply = asking.measure.name, answered[case.id]
        if reply.failure is not None:
            failed[name][case.id] = f"no answer: {reply.failure.type}"
        elif isinstance(row := row_of(case, reply, asking), str):
            passed_over[name][case.id] = row
        else:
            value = await _value(asking, row, ragas.CaseJudge(judge, asking.scale, occasion), embeddings)
            if isinstance(value, str):
                failed[name][case.id] = value
            else:
                values[name][case.id] = value
        done += 1
        moved(done, len(jobs))

    if jobs:
        with suppress(JudgeError):  # every case will tell of it
            await judge.identity()
    moved(0, len(jobs))
    tasks = [asyncio.create_task(job(case, asking)) for case, asking in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return [
        _in_order(Scores(one, values[one.name], failed[one.name], passed_over[one.name]), cases)
        for one in (asking.measure for asking in askings)
    ]


def reasons(scores: Scores) -> dict[str, int]:
    """How often each kind of reason made a case fail, the most frequent first."""
    return dict(Counter(reason.partition(":")[0] for reason in scores.failed.values()).most_common())


def _wanted(measures: Iterable[str] | None, embedder: "Embedder | None") -> list[str]:
    if measures is None:
        return [name for name, one in ASKINGS.items() if embedder is not None or not one.embeds]
    names = list(dict.fromkeys(measures))
    for name in names:
        if name not in ASKINGS:
            raise InvalidRequestError(
                f"No judge gives {name!r}", param="measures", hint=f"There are {', '.join(LLM_MEASURES)}."
            )
        if ASKINGS[name].embeds and embedder is None:
            raise InvalidRequestError(f"{name} needs the embedder, too", param="measures")
    return names


def _by_case(replies: Sequence[Reply]) -> dict[str, Reply]:
    asked = [reply for reply in replies if reply.variant == "asked"]
    by_case = {reply.case: reply for reply in asked}
    if len(by_case) < len(asked):
        raise ValueError("there are several answers to one case: give those of one arm at a time")
    return by_case


def _import_ragas() -> Any:
    """Takes seconds, in a thread, so that what else runs goes on."""
    untracked()
    import ragas.metrics.collections  # noqa: F401  # the slow part

    from eval.judging import per_case

    return per_case


async def _value(asking: Asking, row: dict[str, Any], llm: Any, embeddings: Any) -> float | str:
    """The number, or why there is none."""
    from ragas.metrics import collections

    parts = {"llm": llm} | ({"embeddings": embeddings} if asking.embeds else {}) | dict(asking.options)
    metric = getattr(collections, asking.measure.ragas or "")(**parts)
    try:
        value = float((await metric.ascore(**row)).value)
    except JudgeError as fault:
        return str(fault)
    except _ODD as error:
        return str(llm.fault or f"judge not of the form: its replies do not fit together ({error})")
    if llm.broken is not None:
        raise llm.broken
    if llm.fault is not None:
        return str(llm.fault)
    if not math.isfinite(value):
        return "judge not of the form: it named nothing that could be counted (NaN)"
    return min(1.0, max(0.0, value))


def _in_order(scores: Scores, cases: Sequence[EvalCase]) -> Scores:
    """By the order of the cases, not that in which the judge answered."""
    order = [case.id for case in cases]
    return replace(
        scores,
        values={case: scores.values[case] for case in order if case in scores.values},
        failed={case: scores.failed[case] for case in order if case in scores.failed},
        passed_over={case: scores.passed_over[case] for case in order if case in scores.passed_over},
    )
