"""Makes a comparison of a run: the same run, replies and set give the same one, but for the time of day."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from eval.case import EvalCase
from eval.comparison import Arm, Comparison, Difference, Slice
from eval.costing import cost_of_arm
from eval.measure import Scores, Stage
from eval.prices import PriceTable
from eval.reply import Reply
from eval.report import examples_of, recommend
from eval.report.examples import MOST
from eval.running.facts import ArmFacts, RunFacts
from eval.running.keeping import EvalRun, in_order
from eval.running.plan import Plan
from eval.scoring import (
    Instruments,
    ScoredArm,
    figure_of,
    figures_of,
    leading_of,
    measures_of,
    only,
    score_arms,
)
from eval.sets import EvalSet, slices_of
from eval.statistics.clusters import clusters_of
from eval.statistics.differences import Family, differences_of
from eval.suites.abstention import risk_coverage_points
from eval.suites.classification import confusion_of
from tandem.errors import InvalidRequestError

_SLICED = (Stage.RETRIEVAL, Stage.GENERATION, Stage.CLASSIFICATION)
"""Stages whose measures are told slice by slice."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is to be looked at."""

    prices: PriceTable = field(default_factory=PriceTable)
    instruments: Instruments = field(default_factory=Instruments)
    judged: Mapping[str, Sequence[Scores]] = field(default_factory=dict)
    """A judge's scores, by arm."""
    leading: str | None = None
    """Measure that decides; by default accuracy for a set of classes, else F1 of words."""
    examples: int = MOST
    """Most questions that are quoted; 0 for a report that may be read by those who must not read the questions."""
    warnings: tuple[str, ...] = ()
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """What is to be told of the looking itself, such as the judge."""
    command: str = ""
    """Told after that which began the run, where it is another."""


def compare_run(
    run: EvalRun, replies: Iterable[Reply], eval_set: EvalSet, options: Options | None = None
) -> Comparison:
    """All that the run tells, with the recommendation.

    Blocking, for a thread without an event loop. Raises `InvalidRequestError` where nothing was answered that the
    leading measure has a value of, `SettingsError` without the extra `eval`.
    """
    options = options or Options()
    facts = run.facts
    by_id = {case.id: case for case in eval_set.cases}
    cases = [by_id[one] for one in facts.eval_set.cases]
    said = replies_by_arm(Plan(facts, tuple(cases)), replies)
    arms = score_arms(cases, said, options.instruments, options.judged)
    leading = leading_of(cases, arms, options.leading)
    if leading is None:
        raise InvalidRequestError(
            f"No arm has a value of {options.leading or 'a measure that could decide'}",
            param="set",
            hint="A case needs `references`, or a `label`; and something must have been answered.",
        )
    slices = {tag: ids for tag, ids in slices_of(cases).items() if len(ids) < len(cases)}
    comparison = Comparison(
        title=f"{_listed([arm.name for arm in facts.arms])} on {eval_set.name}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=_made_by(facts.command, options.command),
        run=run.id,
        corpora={one.name: one.model_dump(exclude={"name"}) for one in facts.corpora},
        eval_set=_told_of_set(facts, eval_set, cases, slices),
        leading=leading,
        measures=measures_of(arms),
        arms=tuple(
            _arm(known, arm, facts, cases, slices, said, options.prices)
            for known, arm in zip(facts.arms, arms, strict=True)
        ),
        differences=tuple(differences_between(arms, leading, cases, slices)),
        examples=examples_of(
            cases,
            [reply for each in said.values() for reply in each],
            {arm.name: arm.scores[leading] for arm in arms if leading in arm.scores},
            options.examples,
        ),
        warnings=(*_warnings(run, said), *options.warnings),
        made_with={
            "versions": facts.versions,
            "machine": facts.machine,
            "run": _told_of_run(facts),
            "settings": facts.settings,
            **options.made_with,
        },
        partial=run.state != "finished",
    )
    return comparison.model_copy(update={"recommendation": recommend(comparison)})


def _made_by(asked: str, looked: str) -> str:
    """Both commands, where one has asked and another looks."""
    return " && ".join(dict.fromkeys(each for each in (asked, looked) if each))


def replies_by_arm(plan: Plan, replies: Iterable[Reply]) -> dict[str, list[Reply]]:
    """The replies of each arm of the plan, in an order that does not depend on when they came, with those that need
    not be asked for.
    """
    known = in_order(replies)
    known = in_order([*known, *plan.copies(known)])
    return {arm.name: [one for one in known if one.arm == arm.name] for arm in plan.facts.arms}


def differences_between(
    arms: Sequence[ScoredArm],
    leading: str,
    cases: Sequence[EvalCase],
    slices: Mapping[str, Sequence[str]],
) -> list[Difference]:
    """Each later arm less each earlier one.

    The leading measure over all cases is one family of comparisons, the leading measure over the slices another, and
    each other measure one of its own: the first decides, the others explain.
    """
    clusters = clusters_of(cases)

    def family(name: str, tag: str | None = None) -> Family:
        scores = {arm.name: arm.scores[name] for arm in arms if name in arm.scores}
        return Family(scores, tag, None if tag is None else slices[tag])

    def compared(families: Sequence[Family]) -> list[Difference]:
        if not families:
            return []
        known = families[0].scores_by_arm
        pairs = [(later, earlier) for earlier, later in combinations(known, 2)]
        return differences_of(families, pairs, clusters=clusters)

    others = dict.fromkeys(name for arm in arms for name in arm.scores if name != leading)
    found = compared([family(leading)]) + compared([family(leading, tag) for tag in slices])
    for name in others:
        found += compared([family(name)])
    return found


def _arm(
    known: ArmFacts,
    arm: ScoredArm,
    facts: RunFacts,
    cases: Sequence[EvalCase],
    slices: Mapping[str, Sequence[str]],
    said: Mapping[str, Sequence[Reply]],
    prices: PriceTable,
) -> Arm:
    asked = [one for one in arm.replies if one.variant == "asked"]
    everybody = [reply for each in said.values() for reply in each]
    return Arm(
        name=known.name,
        recipe_version=known.version,
        kind=known.kind,
        model=known.model,
        adapter=known.adapter,
        retrieves=known.retrieves,
        figures=figures_of(arm),
        slices=tuple(_slice(tag, ids, arm) for tag, ids in slices.items()),
        cost=cost_of_arm(known, facts, arm.replies, everybody, prices),
        asked=len(asked),
        failed=sum(one.failure is not None for one in asked),
        risk_coverage=risk_coverage_points(cases, arm.replies),
        learning_curve=known.learning_curve,
        confusion=confusion_of(cases, arm.replies),
    )


def _slice(tag: str, ids: Sequence[str], arm: ScoredArm) -> Slice:
    within = frozenset(ids)
    parts = (only(one, within) for one in arm.scores.values() if one.measure.stage in _SLICED)
    return Slice(tag=tag, cases=len(ids), figures=tuple(figure_of(one) for one in parts if one.wanted))


def _told_of_set(
    facts: RunFacts, eval_set: EvalSet, cases: Sequence[EvalCase], slices: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    return {
        "name": eval_set.name,
        "version": eval_set.number,
        "hash": eval_set.hash,
        "cases": len(cases),
        "of": facts.eval_set.of,
        "answerable": sum(case.answerable for case in cases),
        "tags": {tag: len(ids) for tag, ids in slices.items()},
    }


def _told_of_run(facts: RunFacts) -> dict[str, Any]:
    told = facts.model_dump(
        mode="json",
        include={
            "searched", "without", "repeats", "paraphrases", "planted", "max_tokens", "seed", "drawn_with",
            "at_once", "alone",
        },
    )  # fmt: skip
    return told | {
        "recipes": {arm.name: arm.recipe for arm in facts.arms},
        "instructions": {arm.name: arm.instructions for arm in facts.arms if arm.instructions},
    }


def _warnings(run: EvalRun, said: Mapping[str, Sequence[Reply]]) -> list[str]:
    facts = run.facts
    told = [f"Forced: {one}." for one in facts.forced]
    if run.state != "finished":
        asked = sum(one.variant == "asked" for each in said.values() for one in each)
        wanted = len(facts.eval_set.cases) * len(facts.arms)
        told.append(f"The run was ended before all was asked: {asked} of {wanted} questions have a reply.")
    for name, replies in said.items():
        reasons = Counter(one.failure.type for one in replies if one.failure)
        if reasons:
            listed = ", ".join(f"{many} {kind}" for kind, many in sorted(reasons.items()))
            told.append(f"{reasons.total()} of {len(replies)} questions to {name} have no answer: {listed}.")
    if len(facts.eval_set.cases) < facts.eval_set.of:
        told.append(
            f"{len(facts.eval_set.cases)} of the set's {facts.eval_set.of} cases were asked, drawn with the seed "
            f"{facts.drawn_with}."
        )
    return told


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
