"""How right an answer is, by its text and its citations."""

from collections.abc import Sequence
from functools import partial

from eval.case import EvalCase
from eval.measure import Measure, Need, Scores, Stage
from eval.reply import Reply
from eval.suites.by_ragas import Ragas, opened_ragas
from eval.suites.citations import score_citations
from eval.suites.embed import Embed
from eval.suites.rightness import COVERED, checkable, f1_of, labels_of, right_among
from eval.suites.rows import Row, rows_of
from eval.suites.scoring import lacking, pass_over, score
from finetune.validation.scores import contains, exact_match

_REFERENCES: frozenset[Need] = frozenset({"references"})

EXACT_MATCH = Measure(
    "exact_match",
    "Exact match",
    Stage.GENERATION,
    "Share of answers that are one of the references when case, punctuation and articles are left out "
    "(SQuAD, Rajpurkar et al. 2016); “I don't know.” is worth 0.",
    needs=_REFERENCES,
)
TOKEN_F1 = Measure(
    "token_f1",
    "F1 of words",
    Stage.GENERATION,
    "Harmonic mean of precision and recall of the answer's words against the best of the references "
    "(SQuAD, Rajpurkar et al. 2016); “I don't know.” is worth 0.",
    "score",
    needs=_REFERENCES,
)
CONTAINS = Measure(
    "contains",
    "Holds a reference",
    Stage.GENERATION,
    "Share of answers in which the words of a reference stand one after the other, normalised as for exact "
    "match.",
    needs=_REFERENCES,
)
ANSWER_RIGHT = Measure(
    "answer_right",
    "Right",
    Stage.GENERATION,
    f"Share of answers that have at least {COVERED:.0%} of the different content words of a reference, or name the "
    "right class; what risk and coverage count as right.",
)
ROUGE_L = Measure(
    "rouge_l",
    "ROUGE-L",
    Stage.GENERATION,
    "F-measure of the longest common subsequence of stemmed words of the answer and the best of the references "
    "(Lin 2004).",
    "score",
    needs=_REFERENCES,
    ragas="RougeScore",
)
STRING_SIMILARITY = Measure(
    "string_similarity",
    "Similarity of characters",
    Stage.GENERATION,
    "1 less the Levenshtein distance of the answer to the nearest reference, over the length of the longer.",
    "score",
    needs=_REFERENCES,
    ragas="NonLLMStringSimilarity",
)
SEMANTIC_SIMILARITY = Measure(
    "semantic_similarity",
    "Similarity of meaning",
    Stage.GENERATION,
    "Cosine of the vectors of the answer and the nearest reference, by Tandem's own embedder "
    "(Risch et al. 2021, with an embedder in place of a cross-encoder).",
    "score",
    needs=frozenset({"references", "embedder"}),
    ragas="SemanticSimilarity",
)
MEASURES = (
    EXACT_MATCH,
    TOKEN_F1,
    CONTAINS,
    ANSWER_RIGHT,
    ROUGE_L,
    STRING_SIMILARITY,
    SEMANTIC_SIMILARITY,
)


def score_generation(
    cases: Sequence[EvalCase], replies: Sequence[Reply], *, embed: Embed | None = None
) -> list[Scores]:
    """The measures of this module and of citations. Raises `SettingsError` without the extra `eval`."""
    rows = rows_of(cases, replies)
    with opened_ragas() as ragas:
        by_ragas = [
            score(measure, rows, partial(_by_ragas, ragas, measure))
            for measure in (ROUGE_L, STRING_SIMILARITY)
        ]
        by_ragas.append(_similarity(ragas, rows, embed))
    return [
        score(
            EXACT_MATCH, rows, lambda row: not row.unknown and exact_match(row.answer, row.case.references)
        ),
        score(TOKEN_F1, rows, f1_of),
        score(CONTAINS, rows, lambda row: not row.unknown and contains(row.answer, row.case.references)),
        score(ANSWER_RIGHT, rows, right_among(labels_of(cases)), asks=checkable),
        *by_ragas,
        *score_citations(cases, replies),
    ]


def _by_ragas(ragas: Ragas, measure: Measure, row: Row) -> float:
    return ragas.of_answer(str(measure.ragas), row.answer, row.case.references)


def _similarity(ragas: Ragas, rows: Sequence[Row], embed: Embed | None) -> Scores:
    measure = SEMANTIC_SIMILARITY
    if embed is None:
        return pass_over(measure, [row.case for row in rows], "no embedder was given")
    asked = [row for row in rows if row.case.answerable and not lacking(measure, row.case)]
    try:
        ragas.learn_vectors([row for row in asked if not row.reply.failure], embed)
    except Exception as error:  # noqa: BLE001  # an embedder that fails is a value less for each row, counted
        broken = error

        def value(_: Row) -> float:
            raise broken

        return score(measure, rows, value)
    return score(measure, rows, partial(_by_ragas, ragas, measure))
