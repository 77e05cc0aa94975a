"""How documents are ranked, by the field's own implementation of its measures (ir-measures).

MacAvaney, Macdonald and Ounis, Streamlining Evaluation with ir-measures (ECIR 2022). A document stands where its
first passage stands, so a rank counts different documents, not passages; all that a case names are equally relevant.
"""

from collections.abc import Sequence
from functools import cache, partial

from eval.measure import Measure, Need, Scores, Stage
from eval.suites.rows import Row
from eval.suites.scoring import score

_NEEDS: frozenset[Need] = frozenset({"documents", "passages"})

_MEASURES = {
    **{
        f"R@{k}": Measure(
            f"document_recall_{k}",
            f"Document in the best {k}" if k > 1 else "Document in the best one",
            Stage.RETRIEVAL,
            f"Share of the documents that hold the answer which are among the best {k} different documents found.",
            needs=_NEEDS,
        )
        for k in (1, 5, 10)
    },
    "RR": Measure(
        "document_mrr",
        "MRR of the document",
        Stage.RETRIEVAL,
        "Mean of 1 over the rank of the first document that holds the answer, 0 where none is found "
        "(Voorhees 1999).",
        "score",
        needs=_NEEDS,
    ),
    "nDCG@10": Measure(
        "document_ndcg_10",
        "nDCG of the best 10 documents",
        Stage.RETRIEVAL,
        "Gain of the documents that hold the answer, discounted by the logarithm of their rank, over that of the "
        "best order (Järvelin and Kekäläinen 2002).",
        "score",
        needs=_NEEDS,
    ),
}
MEASURES = tuple(_MEASURES.values())


def score_ranking(rows: Sequence[Row]) -> list[Scores]:
    """Recall, MRR and nDCG of documents."""

    @cache
    def computed() -> dict[tuple[str, str], float]:
        return _computed([row for row in rows if row.case.documents and row.reply.passages])

    def value(name: str, row: Row) -> float:
        # A question that brought no document is not in the run; it found none.
        return computed().get((name, row.case.id), 0.0)

    return [score(measure, rows, partial(value, name)) for name, measure in _MEASURES.items()]


def ranked_documents(row: Row) -> list[str]:
    """Different documents, best first, as the case names them."""
    return list(dict.fromkeys(document_names(row)))


def _computed(rows: Sequence[Row]) -> dict[tuple[str, str], float]:
    """By measure and case."""
    import ir_measures

    wanted = [
        ir_measures.Qrel(row.case.id, document, 1)
        for row in rows
        for document in sorted(set(row.case.documents))
    ]
    run = [
        ir_measures.ScoredDoc(row.case.id, document, -float(rank))
        for row in rows
        for rank, document in enumerate(ranked_documents(row))
    ]
    asked = [ir_measures.parse_measure(name) for name in _MEASURES]
    return {(str(one.measure), one.query_id): one.value for one in ir_measures.iter_calc(asked, wanted, run)}


def document_names(row: Row) -> list[str]:
    """The document of each passage, as the case names it where it does, best first."""
    return [
        passage.uri if passage.uri in row.case.documents else passage.document_id
        for passage in row.reply.passages
    ]
