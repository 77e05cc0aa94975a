"""`tandem eval gate`: baseline and candidate asked the same questions through the real path, and the decision."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from rich.markup import escape

from eval.comparing import replies_by_arm
from eval.gate import GateResult, check_measures, standing_of, usual_tolerances
from eval.gate_words import check_line, headline, markdown
from eval.judging.judge import open_judge, present
from eval.judging.measures import LLM_MEASURES
from eval.judging.trust import trust_of
from eval.measure import Scores
from eval.reply import Reply
from eval.running import EvalRuns
from eval.running.arms import arms_of
from eval.running.facts import ArmFacts
from eval.running.gathering import Wish
from eval.running.resuming import plan_of
from eval.scoring import score_arms
from eval.sets import EvalSets
from eval.statistics import clusters_of
from eval.suites import MEASURES
from tandem.cli.answering_server import answering_server
from tandem.cli.credentials import headers_of
from tandem.cli.eval_judging import judge_run
from tandem.cli.eval_run import Order, begin_run
from tandem.cli.opened import opened_store
from tandem.cli.output import print_json, stdout
from tandem.cli.remote import running_server
from tandem.errors import InvalidRequestError, StorageError
from tandem.noninferiority import Standing
from tandem.settings import Settings
from tandem.store import Store

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
    against: tuple[Path, ...] = ()
    """Training sets, or files of questions, that must not share any with the eval set."""


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
    values; and as `begin_run`: the run is then partial, and `tandem eval resume` goes on with it.
    """
    with opened_store(settings) as store:
        eval_set = EvalSets(store).get(wish.eval_set)
        asyncio.run(_check_arms(settings, wish, store))
    tolerances = dict(wish.tolerances) or usual_tolerances(eval_set.cases, without=wish.without)
    judged = [name for name in tolerances if name in LLM_MEASURES]
    if judged:
        asyncio.run(_check_judge(settings, judged))
    order = Order(
        eval_set.ref,
        Wish(
            arms=(wish.baseline, wish.candidate),
            corpora=wish.corpora,
            without=wish.without,
            limit=wish.limit,
            at_once=wish.at_once,
            alone=0,
            command="tandem eval gate",
        ),
        against=wish.against,
    )
    return _decided(settings, begin_run(settings, order, quiet=quiet), tolerances, judged)


def _decided(
    settings: Settings, run_id: str, tolerances: Mapping[str, float], judged: Sequence[str]
) -> GateResult:
    """What the answers of the run come to: its first arm is the baseline, its second the candidate."""
    with opened_store(settings) as store:
        run = EvalRuns(store).get(run_id)
        plan = plan_of(run.facts, store)
        said = replies_by_arm(plan, EvalRuns(store).replies(run_id).values())
    _check_two(run.facts.arms)
    by_judge: Mapping[str, Sequence[Scores]] = {}
    if judged:
        by_judge = asyncio.run(judge_run(settings, plan.cases, said, judged, None)).scores
    scores = {arm.name: arm.scores for arm in score_arms(plan.cases, said, None, by_judge)}
    theirs, ours = run.facts.arms
    checks = check_measures(scores[ours.name], scores[theirs.name], tolerances, clusters_of(plan.cases))
    return GateResult(
        standing=standing_of(checks),
        baseline=theirs.recipe,
        candidate=ours.recipe,
        eval_set=f"{run.facts.eval_set.name}@{run.facts.eval_set.number}",
        run=run_id,
        checks=checks,
        warnings=_warnings(said),
    )


async def _check_arms(settings: Settings, wish: GateWish, store: Store) -> None:
    """See before anything is asked that a running server has both recipes, and that they are two."""
    if wish.baseline == wish.candidate:
        raise InvalidRequestError(f"{wish.candidate} is both baseline and candidate", param="candidate")
    with running_server(settings) as running:
        if running is None:
            return  # one is started to ask; what is found then is said then
        async with httpx.AsyncClient(
            base_url=running.base_url, trust_env=False, headers=headers_of(settings)
        ) as http:
            _check_two(await arms_of((wish.baseline, wish.candidate), http, store, {}))


def _check_two(arms: Sequence[ArmFacts]) -> None:
    """Raises `InvalidRequestError` where both are the same recipe."""
    baseline, candidate = arms
    if baseline.version == candidate.version:
        raise InvalidRequestError(f"{candidate.recipe} is both baseline and candidate", param="candidate")


async def _check_judge(settings: Settings, measures: Sequence[str]) -> None:
    """Raises `InvalidRequestError` where the judge was not shown to be good enough for one of the measures."""
    async with AsyncExitStack() as stack:
        if settings.judge.address is None:
            await stack.enter_async_context(answering_server(settings))
        judge = open_judge(settings)
        stack.push_async_callback(judge.close)
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
