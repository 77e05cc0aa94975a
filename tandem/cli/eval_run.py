"""Eval runs: begun, gone on with, through the server that runs on the data folder or one of this process's own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx

from eval.running.asking import ask
from eval.running.facts import RunFacts
from eval.running.gathering import Wish, drawn, gather
from eval.running.holding import held
from eval.running.keeping import EvalRun, EvalRuns
from eval.running.plan import Plan
from eval.running.planting import plant
from eval.running.resuming import check_unchanged, plan_of
from eval.running.run import run as run_plan
from eval.sets import EvalSet, EvalSets, asked_elsewhere, leaks_between, marked_leaks
from tandem.cli.answering_server import answering_server
from tandem.cli.bar import Bar
from tandem.cli.opened import opened_store
from tandem.cli.output import progress, stderr
from tandem.extras import EVAL, require
from tandem.settings import Settings
from tandem.store import Store


@dataclass(frozen=True, slots=True)
class Order:
    """What a user orders: a set, what is to be made of it, and what it must not share questions with."""

    eval_set: str
    """`NAME@NUMBER`, or `NAME` for the newest."""
    wish: Wish
    against: tuple[Path, ...] = ()
    """Training sets, or files of questions."""
    force: bool = False
    """Run on cases that leak all the same, and mark the run."""


def begin_run(settings: Settings, order: Order, *, quiet: bool) -> str:
    """Ask everything; the id of the run. What is answered is in the store at once.

    Raises `SettingsError` without the extra `eval`, `NotFoundError` for a set, recipe or corpus, `LeakError`, `InvalidRequestError`, and where the server is
    gone `UnavailableError`: the run is then partial, and can be gone on with.
    """
    require("Scoring", EVAL, "eval")
    with opened_store(settings) as store:
        eval_set = EvalSets(store).get(order.eval_set)
        wish = replace(order.wish, forced=_leaks(order, eval_set), checked=tuple(map(str, order.against)))
        return asyncio.run(_begun(settings, wish, eval_set, store, quiet=quiet))


def resume_run(settings: Settings, ref: str, *, again: bool, quiet: bool) -> str:
    """Ask what the run lacks, and with `again` what failed. The id of the run.

    Raises `NotFoundError`, `ConflictError` where it cannot be gone on with, and as `begin_run`.
    """
    require("Scoring", EVAL, "eval")
    with opened_store(settings) as store:
        runs = EvalRuns(store)
        run = runs.get(ref)
        with held(run.id, settings.data_dir):
            if again:
                runs.forget_failures(run.id)
                run = runs.get(run.id)
            plan = plan_of(run.facts, store)
            if {one.key for one in plan.askings()} <= runs.replies(run.id).keys():
                runs.finish(run.id, "finished")
            else:
                asyncio.run(_gone_on(settings, run, plan, store, quiet=quiet))
        return run.id


def _leaks(order: Order, eval_set: EvalSet) -> tuple[str, ...]:
    cases = drawn(eval_set.cases, order.wish.limit, order.wish.seed)
    found = [leaks_between(cases, asked_elsewhere(path), order.wish.corpora) for path in order.against]
    return marked_leaks(found, force=order.force)


async def _begun(settings: Settings, wish: Wish, eval_set: EvalSet, store: Store, *, quiet: bool) -> str:
    async with answering_server(settings) as http:
        facts = await gather(wish, eval_set, http, store, settings)
        await _plant(facts, eval_set, http, store)
        run = EvalRuns(store).begin(facts)
        with held(run.id, settings.data_dir):
            await _ask(run, _plan(facts, eval_set), http, store, quiet=quiet)
        return run.id


async def _gone_on(settings: Settings, run: EvalRun, plan: Plan, store: Store, *, quiet: bool) -> None:
    async with answering_server(settings) as http:
        await check_unchanged(run.facts, http, store)
        await _ask(run, plan, http, store, quiet=quiet)


def _plan(facts: RunFacts, eval_set: EvalSet) -> Plan:
    cases = {case.id: case for case in eval_set.cases}
    return Plan(facts, tuple(cases[one] for one in facts.eval_set.cases))


async def _plant(facts: RunFacts, eval_set: EvalSet, http: httpx.AsyncClient, store: Store) -> None:
    if facts.planted:
        many = await plant(facts, _plan(facts, eval_set).cases, http, store)
        progress(f"{many} documents are planted beside {', '.join(facts.searched)}")


async def _ask(run: EvalRun, plan: Plan, http: httpx.AsyncClient, store: Store, *, quiet: bool) -> None:
    # Without a socket the answer comes in one piece.
    buffered = isinstance(http._transport, httpx.ASGITransport)
    progress(f"Run {run.id[:8]}: {_told(plan)}")
    try:
        with Bar("Answers", hidden=quiet or not stderr.is_terminal, unit="tokens") as bar:
            await run_plan(
                plan, run.id, EvalRuns(store), partial(ask, http=http, buffered=buffered), bar.move
            )
    except BaseException:
        progress(f"What was answered is kept. Go on: tandem eval resume {run.id[:8]}")
        raise


def _told(plan: Plan) -> str:
    facts = plan.facts
    return (
        f"{len(facts.eval_set.cases)} cases of {facts.eval_set.name}@{facts.eval_set.number} to "
        f"{_listed([arm.name for arm in facts.arms])}, {len(plan.askings())} questions, {facts.at_once} at once"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
