"""Whether an arm says the same again, and in other words: the pairs of `eval.consistency` over kept replies."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from eval.case import EvalCase
from eval.consistency import Pair, Told, across_runs, across_wordings, compare, mean_of, vectors_of
from eval.measure import Measure, Scores, Stage
from eval.reply import Reply
from eval.suites.by_ragas import Embed
from eval.suites.scoring import PassedOver, lacking, pass_over, score_items

if TYPE_CHECKING:
    from tandem.index import Vector

_SAYS = {
    "score": (
        "Same answer",
        "Mean, over the pairs of answers to {pairs}, of the cosine of their meaning and the F1 of their words "
        "(after Elazar et al. 2021 and Raj et al. 2022); nothing is said of being right.",
    ),
    "f1": ("Same words", "Mean F1 of words of the pairs of answers to {pairs}."),
    "citations": (
        "Same documents cited",
        "Mean Jaccard index of the documents that two answers to {pairs} cite; 1 where neither cites any.",
    ),
    "abstention": (
        "Same in abstaining",
        "Share of pairs of answers to {pairs} that both say “I don't know.”, or neither.",
    ),
}


def _measures(kind: str, title: str, pairs: str, *, paraphrases: bool) -> dict[str, Measure]:
    return {
        name: Measure(
            f"{kind}_{name}",
            f"{says}, {title}",
            Stage.CONSISTENCY,
            definition.format(pairs=pairs),
            "share" if name == "abstention" else "score",
            needs=frozenset(
                ({"paraphrases"} if paraphrases else set()) | ({"embedder"} if name == "score" else set())
            ),
        )
        for name, (says, definition) in _SAYS.items()
    }


_PARAPHRASES = _measures("paraphrase", "in other words", "different wordings of a question", paraphrases=True)
_REPEATS = _measures("repeat", "asked again", "the same wording", paraphrases=False)
MEASURES = (*_PARAPHRASES.values(), *_REPEATS.values())


def score_consistency(
    cases: Sequence[EvalCase], replies: Sequence[Reply], *, embed: Embed | None = None
) -> list[Scores]:
    """The measures of this module, of one arm, over its replies to questions as they are, again, and in other words."""
    answers = {case.id: _wordings([reply for reply in replies if reply.case == case.id]) for case in cases}
    told = [_told(reply) for one in answers.values() for wording in one for reply in wording]
    vectors = vectors_of(told, embed) if embed else None
    return [
        _scores(measure, name, cases, answers, pairs_of, vectors)
        for measures, pairs_of in ((_PARAPHRASES, across_wordings), (_REPEATS, across_runs))
        for name, measure in measures.items()
    ]


def _scores(
    measure: Measure,
    name: str,
    cases: Sequence[EvalCase],
    answers: dict[str, list[list[Reply]]],
    pairs_of: Callable[[Sequence[Sequence[Told]]], list[Pair]],
    vectors: "dict[str, Vector] | None",
) -> Scores:
    if vectors is None and "embedder" in measure.needs:
        return pass_over(measure, cases, "no embedder was given")

    def value(case: EvalCase) -> float:
        if reason := lacking(measure, case):
            raise PassedOver(reason)
        if failed := next((one for wording in answers[case.id] for one in wording if one.failure), None):
            raise RuntimeError(f"no answer: {failed.failure}")
        pairs = pairs_of([[_told(reply) for reply in wording] for wording in answers[case.id]])
        if not pairs:
            raise PassedOver("was not asked so")
        return mean_of([compare(one, other, vectors) for one, other in pairs])[name]

    return score_items(measure, ((case.id, lambda case=case: value(case)) for case in cases))  # type: ignore[misc]


def _wordings(replies: Sequence[Reply]) -> list[list[Reply]]:
    """The replies by wording: the question as it is, and again; then each paraphrase."""
    wordings: dict[int, list[Reply]] = {}
    for reply in replies:
        if reply.variant in ("asked", "repeat"):
            wordings.setdefault(-1, []).append(reply)
        elif reply.variant == "paraphrase":
            wordings.setdefault(reply.part, []).append(reply)
    return [wordings[key] for key in sorted(wordings)]


def _told(reply: Reply) -> Told:
    documents = frozenset(citation.document_id for citation in reply.citations)
    return Told(reply.text, documents, reply.abstained)
