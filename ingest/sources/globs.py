"""Patterns of paths, as `.gitignore` and shells know them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, Field

_MOST_PARTS = 32


def _plain(pattern: str) -> str:
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise ValueError("a pattern begins at the source's own folder: no leading slash, no `..`")
    if pattern.count("/") >= _MOST_PARTS:
        raise ValueError(f"a pattern has at most {_MOST_PARTS} parts")
    return pattern


Glob = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
"""`*` and `?` stay within a name, `**` spans folders, and `[...]` is one of some characters.

A pattern without a slash is compared with the file's name at any depth; one with a slash at its end means
all that is in the folder. Case counts.
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which paths are taken: those of `include`, or all where it is empty, without those of `exclude`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, path: str) -> bool:
        """Whether `path`, with slashes and from the source's folder, is taken."""
        if any(matches(path, pattern) for pattern in self.exclude):
            return False
        return not self.include or any(matches(path, pattern) for pattern in self.include)


def matches(path: str, pattern: str) -> bool:
    """Whether the whole `path` is as `pattern` says."""
    if pattern.endswith("/"):
        pattern += "**"
    elif "/" not in pattern and pattern != "**":
        pattern = f"**/{pattern}"
    return _spans(path.split("/"), pattern.split("/"))


def _spans(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Compare part by part. `reached[n]`: the pattern's beginning can end after `n` parts of the path."""
    reached = [True] + [False] * len(parts)
    for piece in pattern:
        if piece == "**":
            first = reached.index(True) if True in reached else len(reached)
            reached = [n >= first for n in range(len(reached))]
        else:
            reached = [False] + [
                before and fnmatchcase(part, piece) for before, part in zip(reached, parts, strict=False)
            ]
    return reached[-1]
