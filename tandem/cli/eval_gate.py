"""`tandem eval gate`: baseline and candidate asked the same questions through the real path, and the decision."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
from rich.markup import escape

from eval.comparing import replies_by_arm
from eval.gate import GateResult, check_measures, standing_of, usual_tolerances
from eval.gate_words import check_line, headline, markdown
from eval.judging.judge import Judge, open_judge, present
from eval.judging.measures import LLM_MEASURES
from eval.judging.scores import judge_scores
from eval.judging.trust import trust_of
from eval.measure import Scores
from eval.reply import Reply
from eval.running import EvalRuns, Plan, RunFacts
from eval.running.asking import ask
from eval.running.gathering import Wish, gather
from eval.running.holding import held
from eval.running.resuming import plan_of
from eval.running.run import run
from eval.scoring import score_arms
from eval.sets import EvalSets
from eval.statistics import clusters_of
from eval.suites import MEASURES
from tandem.cli.answering_server import answering_server
from tandem.cli.bar import Bar
from tandem.cli.opened import opened_store
from tandem.cli.output import print_json, progress, stderr, stdout
from tandem.errors import InvalidRequestError, StorageError
from tandem.noninferiority import Standing
from tandem.settings import Settings
from tandem.store import Store
from tandem.threads import in_thread

EXIT_CODES = {Standing.PASS: 0, Standing.WORSE: 1, Standing.CANNOT_TELL: 2}


@dataclass(frozen=True, slots=True)
class GateWish:
    """What a user asks for."""

    candidate: str
    eval_set: str
    """`NAME` or `NAME@NUMBER`."""
    baseline: str = "champion"
    corpora: tuple[str, ...] = ()
    tolerances: Mapping[str, float] = field(default_factory=dict)
    """By measure; those of `usual_tolerances` where none is named."""
    without: bool = False
    """Whether each question is asked once more with its documents left out of the search."""
    limit: int | None = None
    at_once: int = 16


def tolerances_of(text: str) -> dict[str, float]:
    """`token_f1=0.02,unknown_answerable=0.05` as numbers by measure. Raises `InvalidRequestError`."""
    found = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, said = part.partition("=")
        if name not in MEASURES and name not in LLM_MEASURES:
            raise InvalidRequestError(
                f"There is no measure {name!r}",
                param="tolerance",
                hint=f"Known: {', '.join([*MEASURES, *LLM_MEASURES])}.",
            )
        try:
            found[name] = float(said)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] <= 1:
            raise InvalidRequestError(
                f"{part!r}: a tolerance is a share between 0 and 1",
                param="tolerance",
                hint="Such as token_f1=0.02, for a loss of 2 points.",
            )
    return found


def gate_recipe(settings: Settings, wish: GateWish, *, summary: Path | None, as_json: bool) -> GateResult:
    """Ask, decide and print. `summary` is a file to which the decision is added as Markdown. Raises as `decide`."""
    result = decide(settings, wish, quiet=as_json)
    if summary is not None:
        try:
            with summary.open("a", encoding="utf-8") as file:
                file.write(markdown(result))
        except OSError as error:
            raise StorageError(f"{summary} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(result.model_dump(mode="json") | {"needed": result.needed})
    else:
        print_gate(result)
    return result


def print_gate(result: GateResult) -> None:
    """The decision, a line a measure, and where the answers are."""
    stdout.print(escape(headline(result)))
    for check in result.checks:
        stdout.print(f"  {escape(check_line(check))}")
    for warning in result.warnings:
        stdout.print(f"  {escape(warning)}")
    stdout.print(f"  run {result.run[:8]} keeps every answer")


def decide(settings: Settings, wish: GateWish, *, quiet: bool) -> GateResult:
    """Ask both, and decide.

    Raises `InvalidRequestError` for what is asked for, for a judge that may not gate, and for a measure without
    values; `NotFoundError`, `UnavailableError` and what the server answers with. What was answered until then is kept
    as a partial run.
    """
    with opened_store(settings) as store:
        return asyncio.run(_decided(settings, wish, store, quiet=quiet))


async def _decided(settings: Settings, wish: GateWish, store: Store, *, quiet: bool) -> GateResult:
    eval_set = EvalSets(store).get(wish.eval_set)
    tolerances = dict(wish.tolerances) or usual_tolerances(eval_set.cases, without=wish.without)
    judged = [name for name in tolerances if name in LLM_MEASURES]
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(answering_server(settings))
        judge = None
        if judged:
            judge = open_judge(settings)
            stack.push_async_callback(judge.close)
            await _check_judge(judge, judged, settings)
        facts = await gather(
            Wish(
                arms=(wish.baseline, wish.candidate),
                corpora=wish.corpora,
                without=wish.without,
                limit=wish.limit,
                at_once=wish.at_once,
                alone=0,
                command="tandem eval gate",
            ),
            eval_set,
            http,
            store,
            settings,
        )
        theirs, ours = facts.arms
        if theirs.recipe == ours.recipe:
            raise InvalidRequestError(f"{ours.recipe} is both baseline and candidate", param="candidate")
        plan = plan_of(facts, store)
        run_id, said = await _asked(plan, facts, http, store, settings, quiet=quiet)
        by_judge: dict[str, list[Scores]] = {}
        if judge is not None:
            by_judge = {arm: await judge_scores(plan.cases, said[arm], judge, judged) for arm in said}
    arms = {arm.name: arm.scores for arm in await in_thread(score_arms, plan.cases, said, None, by_judge)}
    checks = check_measures(arms[ours.name], arms[theirs.name], tolerances, clusters_of(plan.cases))
    return GateResult(
        standing=standing_of(checks),
        baseline=theirs.recipe,
        candidate=ours.recipe,
        eval_set=eval_set.ref,
        run=run_id,
        checks=checks,
        warnings=_warnings(said),
    )


async def _asked(
    plan: Plan, facts: RunFacts, http: httpx.AsyncClient, store: Store, settings: Settings, *, quiet: bool
) -> tuple[str, dict[str, list[Reply]]]:
    """Id of the run, and the replies of each arm."""
    runs = EvalRuns(store)
    begun = runs.begin(facts)
    if not quiet:
        progress(
            f"Run {begun.id[:8]}: {len(plan.askings())} questions to {' and '.join(a.recipe for a in facts.arms)}"
        )
    # A response of a server in this process is handed out when it has ended.
    asks = partial(ask, http=http, buffered=http.base_url.port is None)
    with (
        held(begun.id, settings.data_dir),
        Bar("Answers", hidden=quiet or not stderr.is_terminal, unit="tokens") as bar,
    ):
        await run(plan, begun.id, runs, asks, bar.move)
    return begun.id, replies_by_arm(plan, runs.replies(begun.id).values())


async def _check_judge(judge: Judge, measures: list[str], settings: Settings) -> None:
    """Raises `InvalidRequestError` where the judge was not shown to be good enough for one of the measures."""
    trust = trust_of(await present(judge), settings)
    refused = [name for name in measures if not trust.may_gate(name)]
    if refused:
        raise InvalidRequestError(
            f"This judge may not gate by {', '.join(refused)}: {trust.warning or 'it is under the floor'}",
            param="tolerance",
            hint="Measure it with `tandem eval judge`, take another, or gate by measures that need none.",
        )


def _warnings(said: Mapping[str, list[Reply]]) -> tuple[str, ...]:
    failures = {arm: [one.failure.type for one in replies if one.failure] for arm, replies in said.items()}
    return tuple(
        f"{len(types)} of {len(said[arm])} questions to {arm} failed: {', '.join(sorted(set(types)))}"
        for arm, types in failures.items()
        if types
    )
