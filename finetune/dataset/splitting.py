"""Splits questions so that no document is on both sides."""

from collections.abc import Sequence

from finetune.dataset.located import Located
from finetune.dataset.texts import words
from finetune.splitting import split_whole


def split_by_document(
    questions: Sequence[Located], share: float, seed: int
) -> tuple[list[Located], list[Located]]:
    """Questions to train on, and about `share` of all to validate on."""
    return split_whole(
        questions, lambda one: " ".join(words(one.question.question)), lambda one: one.ids, share, seed
    )
