"""Scores the answers of a run, arm by arm, and of its cases slice by slice."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from eval.case import EvalCase
from eval.comparison import Figure, Interval, MeasureFacts
from eval.measure import Measure, Scores
from eval.reply import Reply
from eval.report import given_answer
from eval.suites import MEASURES, figures_of_whole, score_all
from eval.suites.embed import Embed
from eval.suites.retrieval import Contexts


@dataclass(frozen=True, slots=True)
class ScoredArm:
    """All that was measured of one arm."""

    name: str
    replies: tuple[Reply, ...]
    scores: dict[str, Scores]
    """By the name of the measure; those that have a value, or should have."""
    whole: tuple[Figure, ...]
    """Figures that are no mean over answers."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """What some measures need beside the answers; what is missing, they pass over."""

    embed: Embed | None = None
    contexts: Contexts | None = None
    count_tokens: Callable[[str], int] | None = None


def score_arms(
    cases: Sequence[EvalCase],
    replies: Mapping[str, Sequence[Reply]],
    instruments: Instruments | None = None,
    judged: Mapping[str, Sequence[Scores]] | None = None,
) -> list[ScoredArm]:
    """The scores of each arm, by the names of `replies`; `judged` are a judge's, by arm.

    Blocking, for a thread without an event loop. Raises `SettingsError` without the extra `eval`.
    """
    tools = instruments or Instruments()
    arms = []
    for name, said in replies.items():
        found = score_all(
            cases,
            said,
            embed=tools.embed,
            contexts=tools.contexts,
            count_tokens=tools.count_tokens,
            judge_scores=(judged or {}).get(name, ()),
        )
        by_name = {one.measure.name: one for one in found}
        known = {one.measure.name: one for one in [*found, *_given(by_name)] if one.wanted}
        arms.append(ScoredArm(name, tuple(said), known, tuple(figures_of_whole(cases, said))))
    return arms


def _given(scores: Mapping[str, Scores]) -> list[Scores]:
    """Where answers are lost, of an arm whose passages are known."""
    needed = [scores.get(name) for name in ("token_f1", "answer_recall_10", "answer_kept")]
    parts = [one for one in needed if one is not None and one.wanted]
    return given_answer(*parts) if len(parts) == len(needed) else []


def figures_of(arm: ScoredArm) -> tuple[Figure, ...]:
    """All figures of an arm."""
    return (*(figure_of(one) for one in arm.scores.values()), *arm.whole)


def figure_of(scores: Scores) -> Figure:
    """A measure's mean with its interval, and how many cases it lacks."""
    estimate = scores.estimate()
    return Figure(
        measure=scores.measure.name,
        estimate=Interval(mean=estimate.mean, low=estimate.low, high=estimate.high) if estimate else None,
        cases=len(scores.values),
        failed=len(scores.failed),
        bounds=scores.bounds() if scores.failed else None,
    )


def only(scores: Scores, cases: Collection[str]) -> Scores:
    """The scores of these cases alone."""
    return Scores(
        scores.measure,
        {case: value for case, value in scores.values.items() if case in cases},
        {case: why for case, why in scores.failed.items() if case in cases},
        {case: why for case, why in scores.passed_over.items() if case in cases},
    )


def measures_of(arms: Sequence[ScoredArm]) -> tuple[MeasureFacts, ...]:
    """What is to be known of every measure that some arm has a figure of, in the order of the way of a question."""
    met: dict[str, Measure] = {one.measure.name: one.measure for arm in arms for one in arm.scores.values()}
    met |= {figure.measure: MEASURES[figure.measure] for arm in arms for figure in arm.whole}
    order = [*(name for name in MEASURES if name in met), *(name for name in met if name not in MEASURES)]
    return tuple(_facts(met[name]) for name in order)


def leading_of(cases: Sequence[EvalCase], arms: Sequence[ScoredArm], wanted: str | None = None) -> str | None:
    """Name of the measure that decides: the wanted one; of a set of classes accuracy, else F1 of words.

    `None` where no arm has a value of it.
    """
    usual = "accuracy" if any(case.label is not None for case in cases) else "token_f1"
    name = wanted or usual
    return name if any(name in arm.scores and arm.scores[name].values for arm in arms) else None


def _facts(measure: Measure) -> MeasureFacts:
    return MeasureFacts(
        name=measure.name,
        title=measure.title,
        stage=measure.stage,
        definition=measure.definition,
        unit=measure.unit,
        better=measure.better,
        ragas=measure.ragas,
    )
