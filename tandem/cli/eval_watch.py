"""`tandem eval watch`: the quality of live answers, sampled in the background."""

import asyncio
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from tandem.settings import Settings, read_settings


def eval_watch(
    once: Annotated[bool, typer.Option("--once", help="Score what there is now, and end.")] = False,
    share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the answers; settings: alerts.quality_share.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks for new answers.")] = 5.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what came of it as JSON; with --once.")
    ] = False,
) -> None:
    """Score a share of the live answers, by the judge or by words, within the day's budget; until Ctrl-C."""
    settings = read_settings()
    if share is not None:
        watched = settings.alerts.model_copy(update={"quality_share": share})
        settings = settings.model_copy(update={"alerts": watched})
    asyncio.run(_watch(settings, every, once=once, as_json=as_json))


async def _watch(settings: Settings, every_s: float, *, once: bool, as_json: bool) -> None:
    from eval.judging.judge import open_judge
    from eval.watching.scoring import OverlapScorer, Scorer, judge_scorer
    from eval.watching.watch import watch, watch_once
    from tandem.cli.output import print_json, progress, stdout
    from tandem.store import open_store

    async with AsyncExitStack() as stack:
        store = open_store(settings.store, settings.data_dir)
        stack.callback(store.close)
        by = settings.alerts.quality_by or ("judge" if settings.judge.is_set else "overlap")
        scorer: Scorer = OverlapScorer()
        if by == "judge":
            judge = open_judge(settings)
            stack.push_async_callback(judge.close)
            scorer = await judge_scorer(judge, settings)
        believed = "" if scorer.proven else "; no intervention rests on it (alerts.quality_unproven_acts)"
        progress(f"Scoring {settings.alerts.quality_share:.0%} of the answers by {scorer.name}{believed}")
        if not once:
            await watch(store, scorer, settings.alerts, every_s, progress)
            return
        done = await watch_once(store, scorer, settings.alerts)
        if as_json:
            print_json(
                {"by": scorer.name, "scored": done.scored, "failed": done.failed, "stopped": done.stopped}
            )
            return
        stdout.print(f"{done.scored} answers scored, {done.failed} without a score")
        if done.stopped:
            stdout.print(done.stopped, markup=False)
