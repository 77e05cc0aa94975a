"""Judges whether the passages can carry an answer at all."""

from collections.abc import Sequence

from tandem.vocabulary import Passage


def enough_evidence(passages: Sequence[Passage], least: float) -> bool:
    """Whether any passage's cosine to the question reaches `least`.

    Fused scores are ranks in disguise and say nothing about nearness, so the cosine decides.
    """
    return any(passage.similarity >= least for passage in passages)
