"""Has the answers of a run judged by the model of the settings."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eval.case import EvalCase
from eval.judging.judge import open_judge, present
from eval.judging.scores import judge_scores
from eval.judging.trust import trust_of
from eval.measure import Scores
from eval.reply import Reply
from tandem.cli.answering_server import answering_server
from tandem.cli.bar import Bar
from tandem.cli.output import progress, stderr
from tandem.settings import Settings

if TYPE_CHECKING:
    from tandem.embedding import Embedder


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said of every arm, and what is to be known of the judge."""

    scores: dict[str, Sequence[Scores]]
    told: dict[str, Any]
    warnings: tuple[str, ...]


async def judge_run(
    settings: Settings,
    cases: Sequence[EvalCase],
    replies: Mapping[str, Sequence[Reply]],
    measures: Sequence[str],
    embedder: "Embedder | None",
) -> Judged:
    """The judge's scores by arm. What it has said before is not asked again.

    Raises `UnavailableError` where the judge is not there, `InvalidRequestError` for a measure that it has not.
    """
    async with AsyncExitStack() as stack:
        if settings.judge.address is None:
            # Its own engine judges, which has to run.
            await stack.enter_async_context(answering_server(settings))
        judge = open_judge(settings)
        stack.push_async_callback(judge.close)
        identity = await present(judge)
        trust = trust_of(identity, settings)
        scores: dict[str, Sequence[Scores]] = {}
        for arm, said in replies.items():
            progress(f"The judge {identity.model} reads the answers of {arm}")
            with Bar("Verdicts", hidden=not stderr.is_terminal, unit="verdicts") as bar:
                scores[arm] = await judge_scores(
                    cases,
                    [one for one in said if one.variant == "asked"],
                    judge,
                    measures or None,
                    embedder,
                    lambda done, total, bar=bar: bar.move(done, total, done),  # type: ignore[misc]
                )
    warning = (trust.warning,) if trust.warning else ()
    return Judged(scores, identity.model_dump(mode="json") | {"trusted": trust.trusted}, warning)
