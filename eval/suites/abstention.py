"""Whether "I don't know" is said where it is right, and what is wrong of what is answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.case import EvalCase
from eval.comparison import CurvePoint
from eval.measure import Measure, Scores, Stage
from eval.reliability import aurc, risk_coverage
from eval.reply import Reply
from eval.suites.rightness import checkable, labels_of, right_among
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import PassedOver, any_case, score
from finetune.dataset.texts import stands_in

UNKNOWN_ANSWERABLE = Measure(
    "unknown_answerable",
    "“I don't know.” where there is an answer",
    Stage.GENERATION,
    "Share of answerable questions that are answered by “I don't know.”.",
    better="lower",
)
UNKNOWN_UNANSWERABLE = Measure(
    "unknown_unanswerable",
    "“I don't know.” where there is none",
    Stage.GENERATION,
    "Share of questions answered by “I don't know.” of those without an answer: of unanswerable cases, and of "
    "answerable ones whose documents were left out of the search, unless they are marked `elsewhere`.",
)
UNKNOWN_UNTOLD = Measure(
    "unknown_untold",
    "the same, where no passage tells",
    Stage.GENERATION,
    "Of the answerable questions whose documents were left out, those to which none of the passages found "
    "says a reference to the letter: another document may answer, too, and then an answer is not wrong.",
    needs=frozenset({"references", "passages"}),
)
AURC = Measure(
    "aurc",
    "Area under risk and coverage",
    Stage.GENERATION,
    "Mean share of wrong answers over all coverages, the surest answers first; what is answered by “I don't know.” "
    "comes last (Geifman, Uziel and El-Yaniv 2019).",
    "score",
    better="lower",
)
MEASURES = (UNKNOWN_ANSWERABLE, UNKNOWN_UNANSWERABLE, UNKNOWN_UNTOLD)

_POINTS = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """Answers with and without their documents: whether each is right, how sure it is, and of which case."""

    right: list[bool]
    scores: list[float]
    """The evidence; 1 for arms that look for none; -1 for "I don't know."."""
    cases: list[int]
    """Number of the case, the same for an answer with its documents and one without."""


def score_abstention(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Scores]:
    """The measures of this module that have a value a case, of one arm."""
    return [
        score(UNKNOWN_ANSWERABLE, rows_of(cases, replies), lambda row: row.unknown),
        score(UNKNOWN_UNANSWERABLE, without_answer(cases, replies), lambda row: row.unknown, asks=any_case),
        score(UNKNOWN_UNTOLD, rows_of(cases, replies, "without"), _unknown_untold),
    ]


def without_answer(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Row]:
    """Replies to questions to which "I don't know" is right."""
    asked = [row for row in rows_of(cases, replies) if not row.case.answerable]
    return asked + [row for row in rows_of(cases, replies, "without") if row.case.answerable]


def judge(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> Judged:
    """The answers of one arm whose rightness can be told; those that failed are left out."""
    right = right_among(labels_of(cases))
    there = [(row, right(row)) for row in rows_of(cases, replies) if checkable(row.case) is None]
    rows = [*there, *((row, False) for row in without_answer(cases, replies))]
    told = [(row, is_right) for row, is_right in rows if row.reply.failure is None]
    number = {case.id: n for n, case in enumerate(cases)}
    return Judged(
        [is_right for _, is_right in told],
        [_surety(row) for row, _ in told],
        [number[row.case.id] for row, _ in told],
    )


def risk_coverage_points(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> tuple[CurvePoint, ...]:
    """The curve of one arm up to the share of questions that it answers, in at most 100 points; `()` for no answer.

    x is the share of all questions that are answered, the surest first, y the share of those that are wrong.
    """
    judged = judge(cases, replies)
    answered = sum(surety >= 0 for surety in judged.scores)
    if not answered:
        return ()
    coverage, risk = risk_coverage(judged.right, judged.scores)
    places = sorted({round(answered * (n + 1) / _POINTS) - 1 for n in range(_POINTS)} - {-1})
    return tuple(CurvePoint(x=float(coverage[place]), y=float(risk[place])) for place in places)


def area(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> float | None:
    """AURC of one arm; `None` for no answer whose rightness can be told."""
    judged = judge(cases, replies)
    return aurc(judged.right, judged.scores) if judged.right else None


def _unknown_untold(row: Row) -> float:
    if any(
        stands_in(answer, passage.text) for answer in row.case.references for passage in row.reply.passages
    ):
        raise PassedOver("a passage of another document says a reference")
    return row.unknown


def _surety(row: Row) -> float:
    if row.unknown:
        return -1.0
    return 1.0 if row.reply.evidence is None else row.reply.evidence
