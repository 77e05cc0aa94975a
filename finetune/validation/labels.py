"""Answers that are one of a few classes, such as PubMedQA's yes, no and maybe (Jin et al., EMNLP 2019)."""

import re
from collections import Counter
from collections.abc import Sequence

from finetune.validation.scores import without_marks

YES_NO_MAYBE = ("yes", "no", "maybe")
_WORD = re.compile(r"\w+")


def read_label(answer: str, labels: Sequence[str] = YES_NO_MAYBE) -> str | None:
    """The class that an answer names: its first word, or else the only class that its words name.

    `None` where it names none, or several and none of them first: a guess is not read into it.
    """
    words: list[str] = _WORD.findall(without_marks(answer).lower())
    if words and words[0] in labels:
        return words[0]
    named = {word for word in words if word in labels}
    return named.pop() if len(named) == 1 else None


def accuracy(wanted: Sequence[str], said: Sequence[str | None]) -> float:
    """Share of equal pairs. Raises `ValueError` for no pairs, or lists of different length."""
    if not wanted:
        raise ValueError("there is nothing to compare")
    return sum(one == other for one, other in zip(wanted, said, strict=True)) / len(wanted)


def macro_f1(
    wanted: Sequence[str], said: Sequence[str | None], labels: Sequence[str] = YES_NO_MAYBE
) -> float:
    """Mean over the classes of `labels` of F1 of each class against the rest.

    An answer without a class is wrong for its own class and right for none. A class that nobody wants nor names
    has F1 0, as scikit-learn has it by default. Raises as `accuracy`.
    """
    if not wanted:
        raise ValueError("there is nothing to compare")
    pairs = Counter(zip(wanted, said, strict=True))
    asked, named = Counter(wanted), Counter(said)
    total = 0.0
    for label in labels:
        both = asked[label] + named[label]
        total += 2 * pairs[label, label] / both if both else 0.0
    return total / len(labels)


def majority(wanted: Sequence[str]) -> str:
    """The most frequent class, the first in the alphabet of equals: what to beat."""
    counts = Counter(wanted)
    return min(counts, key=lambda label: (-counts[label], label))
