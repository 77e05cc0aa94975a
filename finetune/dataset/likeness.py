"""Questions that are the same, to the word or nearly so."""

from difflib import SequenceMatcher
from typing import Any

from finetune.dataset.texts import words

_PERMUTATIONS = 128
_CANDIDATE = 0.4
"""Jaccard similarity of the words from which two questions are compared letter by letter."""
_NEAR = 0.85
"""Ratio of `difflib` (Ratcliff and Obershelp 1988) from which two questions are the same in other words."""


class AskedBefore:
    """Questions, to be found by their wording.

    Candidates come from MinHash (Broder 1997), so that large sets are not compared pair by pair.
    """

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self._exact: dict[str, str] = {}
        self._texts: list[str] = []
        self._index: Any = MinHashLSH(threshold=_CANDIDATE, num_perm=_PERMUTATIONS)

    def add(self, text: str) -> None:
        """Know this question, too."""
        plain = _plain(text)
        if plain not in self._exact:
            self._exact[plain] = text
            self._index.insert(len(self._texts), _sketch(plain))
            self._texts.append(text)

    def same(self, text: str) -> str | None:
        """One that has the same words in the same order."""
        return self._exact.get(_plain(text))

    def near(self, text: str) -> str | None:
        """One that nearly has: the first of those that were added."""
        plain = _plain(text)
        candidates: list[int] = sorted(self._index.query(_sketch(plain)))
        for n in candidates:
            if SequenceMatcher(None, plain, _plain(self._texts[n]), autojunk=False).ratio() >= _NEAR:
                return self._texts[n]
        return None


def _plain(text: str) -> str:
    return " ".join(words(text))


def _sketch(plain: str) -> Any:
    from datasketch import MinHash

    made = MinHash(num_perm=_PERMUTATIONS, scheme="affine32")
    made.update_batch([word.encode() for word in plain.split()])
    return made
