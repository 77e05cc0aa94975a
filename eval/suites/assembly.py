"""What of the passages reached the prompt, and what they took there."""

from collections.abc import Callable, Sequence

from eval.case import EvalCase
from eval.measure import Measure, Scores, Stage
from eval.reply import Reply
from eval.suites.retrieval import rank_of_answer
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import PassedOver, any_case, pass_over, score

PASSAGES_KEPT = Measure(
    "passages_kept",
    "Passages in the prompt",
    Stage.ASSEMBLY,
    "Share of the passages that were found which reached the prompt.",
    better="neither",
    needs=frozenset({"passages"}),
)
ANSWER_KEPT = Measure(
    "answer_kept",
    "Answer in the prompt",
    Stage.ASSEMBLY,
    "Share of questions with a reference in the prompt, of those with one in a passage that was found.",
    needs=frozenset({"references", "passages"}),
)
ANSWER_PLACE = Measure(
    "answer_place",
    "Place of the answer",
    Stage.ASSEMBLY,
    "Rank, from 1, of the first passage with a reference among those in the prompt, best first; the recipe may turn "
    "their order.",
    "count",
    better="lower",
    needs=frozenset({"references", "passages"}),
)
PASSAGE_TOKENS = Measure(
    "passage_tokens",
    "Tokens of passages",
    Stage.ASSEMBLY,
    "Tokens of the texts of the passages in the prompt of an answer, by the model's tokenizer.",
    "tokens",
    better="lower",
    needs=frozenset({"passages"}),
)
MEASURES = (PASSAGES_KEPT, ANSWER_KEPT, ANSWER_PLACE, PASSAGE_TOKENS)


def score_assembly(
    cases: Sequence[EvalCase],
    replies: Sequence[Reply],
    *,
    count_tokens: Callable[[str], int] | None = None,
) -> list[Scores]:
    """The measures of this module, of one arm; `count_tokens` is that of the model."""
    rows = rows_of(cases, replies)
    return [
        score(PASSAGES_KEPT, rows, _kept, asks=any_case),
        score(ANSWER_KEPT, rows, _answer_kept),
        score(ANSWER_PLACE, rows, _answer_place),
        score(
            PASSAGE_TOKENS,
            rows,
            lambda row: sum(count_tokens(passage.text) for passage in row.in_prompt),
            asks=any_case,
        )
        if count_tokens
        else pass_over(PASSAGE_TOKENS, [row.case for row in rows], "no tokenizer was given"),
    ]


def _kept(row: Row) -> float:
    if not row.reply.passages:
        raise PassedOver("nothing was found")
    return len(row.in_prompt) / len(row.reply.passages)


def _answer_kept(row: Row) -> bool:
    if rank_of_answer(row, row.reply.passages) is None:
        raise PassedOver("the answer was not found")
    return rank_of_answer(row, row.in_prompt) is not None


def _answer_place(row: Row) -> int:
    place = rank_of_answer(row, row.in_prompt)
    if place is None:
        raise PassedOver("the answer is not in the prompt")
    return place
