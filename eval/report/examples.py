"""Cases that arms answer differently, picked so that a reader sees what sets each arm apart from the next."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, zip_longest

from eval.case import EvalCase
from eval.comparison import Example
from eval.measure import Scores
from eval.reply import Reply

MOST = 12


def examples_of(
    cases: Sequence[EvalCase],
    replies: Iterable[Reply],
    scores: Mapping[str, Scores],
    most: int = MOST,
) -> tuple[Example, ...]:
    """At most `most` cases where arms that are neighbours in the ranking differ most.

    `scores` has the leading measure by arm, `replies` what the arms answered; only those of the variant `asked`
    count. The pairs of neighbours take turns, and in each pair the arms take turns in being the better one. The
    same case, or the same question under another id, is shown once. The same input gives the same examples.
    """
    by_id = {case.id: case for case in cases}
    said = {(one.arm, one.case): one for one in replies if one.variant == "asked" and one.failure is None}
    queues = [
        queue
        for better, worse in _neighbours(scores)
        for queue in (
            _apart(cases, scores[better], scores[worse]),
            _apart(cases, scores[worse], scores[better]),
        )
    ]
    picked: dict[str, EvalCase] = {}
    for turn in zip_longest(*queues):
        for case_id in turn:
            if case_id is not None and len(picked) < most:
                picked.setdefault(" ".join(by_id[case_id].question.casefold().split()), by_id[case_id])
    return tuple(_example(case, said, scores) for case in picked.values())


def _neighbours(scores: Mapping[str, Scores]) -> list[tuple[str, str]]:
    means = {arm: sum(one.values.values()) / len(one.values) for arm, one in scores.items() if one.values}
    ranked = sorted(means, key=lambda arm: -means[arm])
    return list(pairwise(ranked))


def _apart(cases: Sequence[EvalCase], ours: Scores, theirs: Scores) -> list[str]:
    """Ids of the cases where ours is higher, the furthest apart first, then in the order of the set."""
    gaps = {
        case.id: ours.values[case.id] - theirs.values[case.id]
        for case in cases
        if case.id in ours.values and case.id in theirs.values
    }
    return sorted((one for one in gaps if gaps[one] > 0), key=lambda one: -gaps[one])


def _example(case: EvalCase, said: Mapping[tuple[str, str], Reply], scores: Mapping[str, Scores]) -> Example:
    replies = {arm: said[arm, case.id] for arm in scores if (arm, case.id) in said}
    return Example(
        case=case.id,
        question=case.question,
        references=case.references or ((case.label,) if case.label is not None else ()),
        answers={arm: reply.text for arm, reply in replies.items()},
        scores={arm: one.values[case.id] for arm, one in scores.items() if case.id in one.values},
        abstained=tuple(arm for arm, reply in replies.items() if reply.abstained),
    )
