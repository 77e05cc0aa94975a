"""Splits questions so that no document is on both sides."""

import random
from collections.abc import Sequence

from finetune.dataset.located import Located
from finetune.dataset.texts import words


def split_by_document(
    questions: Sequence[Located], share: float, seed: int
) -> tuple[list[Located], list[Located]]:
    """Questions to train on, and about `share` of all to validate on.

    Documents that one question names, or that the same question is asked of, go together. Groups go to
    validation in random order, each where it brings the number nearer to the share.
    """
    groups = _groups(questions)
    random.Random(seed).shuffle(groups)  # noqa: S311 - a draw that can be made again
    wanted = share * len(questions)
    chosen: set[int] = set()
    for group in groups:
        if abs(len(chosen) + len(group) - wanted) < abs(len(chosen) - wanted):
            chosen |= set(group)
    return (
        [one for n, one in enumerate(questions) if n not in chosen],
        [one for n, one in enumerate(questions) if n in chosen],
    )


def _groups(questions: Sequence[Located]) -> list[list[int]]:
    """Numbers of questions that hang together, by union-find."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    keys = []
    for one in questions:
        key = "question " + " ".join(words(one.question.question))
        for each in one.ids:
            parent[root("document " + each)] = root(key)
        keys.append(key)
    found: dict[str, list[int]] = {}
    for n, key in enumerate(keys):
        found.setdefault(root(key), []).append(n)
    return list(found.values())
