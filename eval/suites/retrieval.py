"""Whether the passages that hold the answer are found, and how far in front they stand."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from eval.case import EvalCase
from eval.measure import Measure, Need, Scores, Stage
from eval.reply import FoundPassage, Reply
from eval.retrieval import answer_rank
from eval.suites.by_ragas import Ragas, opened_ragas
from eval.suites.ranking import document_names, score_ranking
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import PassedOver, score

Contexts = Mapping[str, Sequence[str]]
"""By case id, the texts that hold the answer; see `eval.suites.contexts`."""

_FROM_PASSAGES: frozenset[Need] = frozenset({"documents", "passages"})
_ANSWERS: frozenset[Need] = frozenset({"references", "passages"})

ID_PRECISION = Measure(
    "id_context_precision",
    "Context precision by documents",
    Stage.RETRIEVAL,
    "Share of the different documents that were found which hold the answer.",
    needs=_FROM_PASSAGES,
    ragas="IDBasedContextPrecision",
)
ID_RECALL = Measure(
    "id_context_recall",
    "Context recall by documents",
    Stage.RETRIEVAL,
    "Share of the documents that hold the answer which were found.",
    needs=_FROM_PASSAGES,
    ragas="IDBasedContextRecall",
)
TEXT_PRECISION = Measure(
    "text_context_precision",
    "Context precision by texts",
    Stage.RETRIEVAL,
    "Mean over the useful passages of the share of useful ones down to them; a passage is useful where the "
    "Levenshtein similarity to a text that holds the answer is at least 0.5.",
    "score",
    needs=_FROM_PASSAGES,
    ragas="NonLLMContextPrecisionWithReference",
)
TEXT_RECALL = Measure(
    "text_context_recall",
    "Context recall by texts",
    Stage.RETRIEVAL,
    "Share of the texts that hold the answer to which a passage that was found has a Levenshtein similarity over "
    "0.5.",
    needs=_FROM_PASSAGES,
    ragas="NonLLMContextRecall",
)
ANSWER_RECALL = {
    k: Measure(
        f"answer_recall_{k}",
        f"Answer in the best {k}" if k > 1 else "Answer in the best one",
        Stage.RETRIEVAL,
        f"Share of questions of which a reference stands, word for word, in one of the best {k} passages.",
        needs=_ANSWERS,
    )
    for k in (1, 5, 10)
}
ANSWER_MRR = Measure(
    "answer_mrr",
    "MRR of the answer",
    Stage.RETRIEVAL,
    "Mean of 1 over the rank of the first passage in which a reference stands, 0 where none has it (Voorhees 1999).",
    "score",
    needs=_ANSWERS,
)
NOISE_SHARE = Measure(
    "noise_share",
    "Noise",
    Stage.RETRIEVAL,
    "Share of the passages that were found which are of no document that holds the answer.",
    better="lower",
    needs=_FROM_PASSAGES,
)
_BY_IDS = (ID_PRECISION, ID_RECALL)
_BY_TEXTS = (TEXT_PRECISION, TEXT_RECALL)
MEASURES = (*_BY_IDS, *_BY_TEXTS, *ANSWER_RECALL.values(), ANSWER_MRR, NOISE_SHARE)


def score_retrieval(
    cases: Sequence[EvalCase], replies: Sequence[Reply], *, contexts: Contexts | None = None
) -> list[Scores]:
    """The measures of this module and of ranking, of one arm; those of texts need `contexts`.

    Raises `SettingsError` without the extra `eval`.
    """
    rows = rows_of(cases, replies)
    known = contexts or {}
    with opened_ragas() as ragas:
        by_ragas = [score(measure, rows, partial(_by_ids, ragas, measure)) for measure in _BY_IDS]
        by_ragas += [score(measure, rows, partial(_by_texts, ragas, measure, known)) for measure in _BY_TEXTS]
    return [
        *by_ragas,
        *(score(measure, rows, _found_within(k)) for k, measure in ANSWER_RECALL.items()),
        score(
            ANSWER_MRR,
            rows,
            lambda row: 1 / rank if (rank := rank_of_answer(row, row.reply.passages)) else 0.0,
        ),
        score(NOISE_SHARE, rows, _noise),
        *score_ranking(rows),
    ]


def rank_of_answer(row: Row, passages: Sequence[FoundPassage]) -> int | None:
    """Rank, from 1, of the first passage in which a reference stands; `None` if it is in none."""
    return answer_rank(row.case.references, [passage.text for passage in passages])


def _by_ids(ragas: Ragas, measure: Measure, row: Row) -> float:
    return ragas.of_contexts(
        str(measure.ragas),
        retrieved_context_ids=document_names(row),
        reference_context_ids=list(row.case.documents),
    )


def _by_texts(ragas: Ragas, measure: Measure, contexts: Contexts, row: Row) -> float:
    if not (texts := contexts.get(row.case.id)):
        raise PassedOver("no text that holds the answer is known")
    return ragas.of_contexts(
        str(measure.ragas),
        retrieved_contexts=[passage.text for passage in row.reply.passages],
        reference_contexts=list(texts),
    )


def _found_within(k: int) -> Callable[[Row], bool]:
    return lambda row: rank_of_answer(row, row.reply.passages[:k]) is not None


def _noise(row: Row) -> float:
    passages = row.reply.passages
    if not passages:
        raise PassedOver("nothing was found")
    return sum(not row.is_right_document(passage) for passage in passages) / len(passages)
