"""One run from its first question to its last: what the store has is not asked again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from eval.reply import Reply
from eval.running.keeping import EvalRuns
from eval.running.plan import Asking, Plan
from finetune.validation.asking import all_or_first_failure

Ask = Callable[[Asking], Awaitable[Reply]]
Moved = Callable[[int, int, int], None]
"""Is told how many questions are done, of how many, and the tokens that were written for them since the start."""


async def run(
    plan: Plan,
    run_id: str,
    runs: EvalRuns,
    ask: Ask,
    moved: Moved = lambda done, total, tokens: None,
) -> None:
    """Ask what the run lacks, `at_once` questions at a time; each reply is in the store before it is counted.

    The run is `finished` at the end, and `partial` where an error or Ctrl-C ends it before; after a kill it stays
    `running`. Raises what `ask` raises, which is what ends the run, and what the store raises.
    """
    known = await asyncio.to_thread(runs.replies, run_id)
    groups = plan.groups()
    await asyncio.to_thread(runs.finish, run_id, "running")
    try:
        await _ask_groups(groups, plan.facts.at_once, run_id, runs, known, ask, moved)
    except BaseException:  # also Ctrl-C: what is there stays, and says that it is not all
        runs.finish(run_id, "partial")
        raise
    await asyncio.to_thread(runs.finish, run_id, "finished")


async def _ask_groups(
    groups: Sequence[Sequence[Asking]],
    at_once: int,
    run_id: str,
    runs: EvalRuns,
    known: dict[str, Reply],
    ask: Ask,
    moved: Moved,
) -> None:
    keys = {asking.key for group in groups for asking in group}
    done, written = len(keys & known.keys()), 0
    moved(done, len(keys), 0)
    free = asyncio.Semaphore(at_once)

    async def one(asking: Asking) -> None:
        nonlocal done, written
        async with free:
            reply = await ask(asking)
        await _kept(asyncio.create_task(asyncio.to_thread(runs.add, run_id, asking.key, reply)))
        done, written = done + 1, written + reply.tokens_out
        moved(done, len(keys), written)

    for group in groups:
        await all_or_first_failure([one(asking) for asking in group if asking.key not in known])


async def _kept(keeping: "asyncio.Task[bool]") -> None:
    """Wait until it is kept, also where the run is being ended: what was answered is not to be asked again."""
    try:
        await asyncio.shield(keeping)
    except asyncio.CancelledError:
        await keeping
        raise
