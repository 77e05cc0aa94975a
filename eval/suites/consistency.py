"""Whether an arm says the same again, and in other words: the pairs of `eval.consistency` over kept replies."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from eval.case import EvalCase
from eval.consistency import Pair, Told, across_runs, across_wordings, compare, mean_of, vectors_of
from eval.measure import Measure, Need, Scores, Stage
from eval.reply import Reply
from eval.suites.embed import Embed
from eval.suites.scoring import NoAnswer, PassedOver, lacking, pass_over, score_items

if TYPE_CHECKING:
    from tandem.index import Vector

_Vectors: TypeAlias = "dict[str, Vector] | Exception | None"

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


_EMBEDDER: frozenset[Need] = frozenset({"embedder"})


def _measures(kind: str, title: str, pairs: str, of: frozenset[Need] = frozenset()) -> dict[str, Measure]:
    return {
        name: Measure(
            f"{kind}_{name}",
            f"{says}, {title}",
            Stage.CONSISTENCY,
            definition.format(pairs=pairs),
            "share" if name == "abstention" else "score",
            needs=of | _EMBEDDER if name == "score" else of,
        )
        for name, (says, definition) in _SAYS.items()
    }


_PARAPHRASES = _measures(
    "paraphrase", "in other words", "different wordings of a question", frozenset({"paraphrases"})
)
_REPEATS = _measures("repeat", "asked again", "the same wording")
MEASURES = (*_PARAPHRASES.values(), *_REPEATS.values())


def score_consistency(
    cases: Sequence[EvalCase], replies: Sequence[Reply], *, embed: Embed | None = None
) -> list[Scores]:
    """The measures of this module, of one arm, over its replies to questions as they are, again, and in other words."""
    answers = {case.id: _wordings([reply for reply in replies if reply.case == case.id]) for case in cases}
    compared = [
        _told(reply)
        for wordings in answers.values()
        if sum(map(len, wordings)) > 1
        for wording in wordings
        for reply in wording
        if reply.failure is None
    ]
    vectors: _Vectors = None
    try:
        vectors = vectors_of(compared, embed) if embed else None
    except Exception as error:  # noqa: BLE001  # an embedder that fails is a value less for each case, counted
        vectors = error
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
    vectors: _Vectors,
) -> Scores:
    """`vectors` may be why there are none."""
    if vectors is None and "embedder" in measure.needs:
        return pass_over(measure, cases, "no embedder was given")
    known = vectors if isinstance(vectors, dict) and "embedder" in measure.needs else None

    def value(case: EvalCase) -> float:
        if reason := lacking(measure, case):
            raise PassedOver(reason)
        pairs = pairs_of([[_told(reply) for reply in wording] for wording in answers[case.id]])
        if not pairs:
            raise PassedOver("was not asked so")
        for reply in chain.from_iterable(answers[case.id]):
            if reply.failure is not None:
                raise NoAnswer(reply.failure)
        if isinstance(vectors, Exception) and "embedder" in measure.needs:
            raise vectors
        return mean_of([compare(one, other, known) for one, other in pairs])[name]

    return score_items(measure, ((case.id, partial(value, case)) for case in cases))


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
