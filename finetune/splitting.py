"""Splits what hangs together by documents and questions, so that no document is on both sides."""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

_One = TypeVar("_One")


def split_whole(
    ones: Sequence[_One],
    question: Callable[[_One], str],
    documents: Callable[[_One], Iterable[str]],
    share: float,
    seed: int,
) -> tuple[list[_One], list[_One]]:
    """Those to train on, and about `share` of all to validate on, each in their order.

    Documents that one names, or that the same `question` is asked of, go together. Groups go to validation in
    random order, each where it brings the number nearer to the share.
    """
    groups = hanging_together([("question " + question(one), documents(one)) for one in ones])
    random.Random(seed).shuffle(groups)  # noqa: S311 - a draw that can be made again
    wanted = share * len(ones)
    chosen: set[int] = set()
    for group in groups:
        if abs(len(chosen) + len(group) - wanted) < abs(len(chosen) - wanted):
            chosen |= set(group)
    return (
        [one for n, one in enumerate(ones) if n not in chosen],
        [one for n, one in enumerate(ones) if n in chosen],
    )


def hanging_together(keyed: Iterable[tuple[str, Iterable[str]]]) -> list[list[int]]:
    """Numbers of those that share a key or a document, or hang together by others that do, by union-find."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    keys = []
    for key, documents in keyed:
        for each in documents:
            parent[root("document " + each)] = root(key)
        keys.append(key)
    found: dict[str, list[int]] = {}
    for n, key in enumerate(keys):
        found.setdefault(root(key), []).append(n)
    return list(found.values())
