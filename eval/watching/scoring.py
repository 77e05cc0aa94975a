"""The score of one answer, by the judge or by words."""

from dataclasses import dataclass
from typing import Protocol

from eval.case import EvalCase
from eval.judging.judge import Judge, present
from eval.judging.scores import judge_scores
from eval.judging.trust import trust_of
from eval.reply import FoundPassage, Reply
from eval.watching import overlap as words
from tandem.settings import Settings
from tandem.store import Trace

_REPLIES = 2
"""That each measure of `alerts.quality_measure` asks of the judge for one answer."""
_AWAY = ("judge out of reach", "judge busy", "judge too slow", "judge down", "judge budget used up")
"""Reasons that say nothing of the answer: it may be judged another time."""


@dataclass(frozen=True, slots=True)
class Score:
    """A quality in [0, 1], or why there is none."""

    quality: float | None
    failure: str = ""
    away: bool = False
    """Whether the judge was not there: the answer is left for later."""


class Scorer(Protocol):
    """Scores answers, and knows what that costs."""

    name: str
    proven: bool
    """Whether interventions may rest on its scores."""
    most_calls: int
    """Replies of a judge that one score takes at most."""

    async def score(self, trace: Trace) -> Score:
        """The score of one answer. Never raises for what a judge does."""

    def spent(self) -> tuple[int, int]:
        """Replies paid for and tokens, so far."""


class OverlapScorer:
    """By the words that an answer shares with what it cites; costs nothing, proves little."""

    name = words.NAME
    proven = False
    most_calls = 0

    async def score(self, trace: Trace) -> Score:
        """As the protocol says."""
        quality = words.overlap(trace)
        return Score(quality, "" if quality is not None else "the recipe cites nothing")

    def spent(self) -> tuple[int, int]:
        """Nothing."""
        return 0, 0


class JudgeScorer:
    """By a judge, who sees the question, the answer, and the places that it cites."""

    def __init__(self, judge: Judge, measure: str, *, proven: bool) -> None:
        self._judge = judge
        self.name = measure
        self.proven = proven
        settings = judge.settings
        self.most_calls = _REPLIES * (1 + settings.corrections) * (1 + settings.retries)

    async def score(self, trace: Trace) -> Score:
        """As the protocol says."""
        case, reply = _as_case(trace)
        (found,) = await judge_scores([case], [reply], self._judge, [self.name])
        if case.id in found.values:
            return Score(found.values[case.id])
        why = found.failed.get(case.id) or found.passed_over.get(case.id, "")
        return Score(None, why, away=why.startswith(_AWAY))

    def spent(self) -> tuple[int, int]:
        """By this process."""
        usage = self._judge.usage
        return usage.calls, usage.tokens_in + usage.tokens_out


async def judge_scorer(judge: Judge, settings: Settings) -> JudgeScorer:
    """A scorer by the judge, proven where it may gate by the measure. Raises `UnavailableError` where it is not there,
    `StorageError`.
    """
    measure = settings.alerts.quality_measure
    trust = trust_of(await present(judge), settings)
    return JudgeScorer(judge, measure, proven=trust.may_gate(measure))


def _as_case(trace: Trace) -> tuple[EvalCase, Reply]:
    """A trace keeps the places that its answer cites, and of other passages the ids alone."""
    recipe, _, version = trace.recipe.partition("@")
    passages = tuple(
        FoundPassage(
            id=f"{trace.id}-{number}",
            document_id=str(one.get("document_id", "")),
            uri=str(one.get("uri", "")),
            text=str(one.get("quote", "")),
            score=float(one.get("score", 0.0)),
            start=int(one.get("start", 0)),
            end=int(one.get("end", 0)),
            in_prompt=True,
        )
        for number, one in enumerate(trace.citations)
    )
    reply = Reply(
        arm=recipe or trace.recipe,
        recipe_version=version,
        case=trace.id,
        question=trace.question,
        text=trace.answer,
        abstained=trace.abstained,
        passages=passages,
    )
    return EvalCase(id=trace.id, question=trace.question or "?"), reply
