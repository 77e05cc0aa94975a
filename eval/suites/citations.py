"""Whether answers cite, and whether what they cite holds what it is cited for; see `finetune.validation.citing`."""

from collections.abc import Callable, Sequence
from functools import partial

from eval.case import EvalCase
from eval.measure import Measure, Scores, Stage
from eval.reply import Reply
from eval.suites.rows import Row, retrieves, rows_of
from eval.suites.scoring import PassedOver, pass_over, score
from finetune.validation.citing import CitationCounts, count_citations

CITATION_PRECISION = Measure(
    "citation_precision",
    "Cites a reference",
    Stage.GENERATION,
    "Share of an answer's citations whose passage has the words of a reference, one after the other, over the "
    "answers that cite.",
    needs=frozenset({"references"}),
)
CITATION_WORDS = Measure(
    "citation_words",
    "Cites its words",
    Stage.GENERATION,
    "Share of an answer's citations whose passage has at least three quarters of the content words of a "
    "reference, over the answers that cite.",
    needs=frozenset({"references"}),
)
CITATION_SUPPORT = Measure(
    "citation_support",
    "Cites what it says",
    Stage.GENERATION,
    "Share of an answer's citations whose passage has at least three quarters of the content words of the answer, "
    "right or wrong, over the answers that cite.",
)
CITATION_RECALL = Measure(
    "citation_recall",
    "Cites the right document",
    Stage.GENERATION,
    "Share of answerable questions that are answered with at least one citation of a document that holds the "
    "answer; of arms that retrieve.",
    needs=frozenset({"documents"}),
)
MEASURES = (CITATION_PRECISION, CITATION_WORDS, CITATION_SUPPORT, CITATION_RECALL)


def score_citations(cases: Sequence[EvalCase], replies: Sequence[Reply]) -> list[Scores]:
    """The measures of this module, of one arm."""
    rows = rows_of(cases, replies)
    shares: dict[Measure, Callable[[CitationCounts], int]] = {
        CITATION_PRECISION: lambda counts: counts.reference,
        CITATION_WORDS: lambda counts: counts.reference_words,
        CITATION_SUPPORT: lambda counts: counts.answer_words,
    }
    return [
        *(score(measure, rows, partial(_share, right)) for measure, right in shares.items()),
        score(CITATION_RECALL, rows, _cites_the_right_document)
        if retrieves(replies) or any(row.reply.failure for row in rows)
        else pass_over(CITATION_RECALL, [row.case for row in rows], "the arm retrieves nothing"),
    ]


def _share(right: Callable[[CitationCounts], int], row: Row) -> float:
    passages = [citation.passage for citation in row.reply.citations]
    if not passages:
        raise PassedOver("the answer cites nothing")
    counts = count_citations(passages, row.reply.text, row.case.references)
    return right(counts) / counts.given


def _cites_the_right_document(row: Row) -> bool:
    return any(row.is_right_document(citation) for citation in row.reply.citations)
