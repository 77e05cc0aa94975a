"""Whether retrieval brings the answer: the share of questions whose answer stands in the best passages."""

from collections.abc import Sequence


def answer_rank(answers: Sequence[str], passages: Sequence[str]) -> int | None:
    """Rank, from 1, of the first passage that contains one of the answers; `None` if none does.

    White space and letter case do not count; an empty answer is in no passage.
    """
    wanted = [folded for answer in answers if (folded := _fold(answer))]
    for rank, passage in enumerate(passages, start=1):
        text = _fold(passage)
        if any(answer in text for answer in wanted):
            return rank
    return None


def hit_rate(ranks: Sequence[int | None], k: int) -> float:
    """Share, in [0, 1], of questions whose answer is among the best `k`; 0 for no questions."""
    if not ranks:
        return 0.0
    return sum(rank is not None and rank <= k for rank in ranks) / len(ranks)


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
