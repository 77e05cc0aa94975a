"""How alike two answers are, by their words."""

import re
from collections import Counter

_WORD = re.compile(r"\w+")
_MARK = re.compile(r"\[\d+\]")


def token_f1(one: str, other: str) -> float:
    """Harmonic mean of precision and recall of words, with counts, case and citation marks apart; in [0, 1].

    Of Rajpurkar et al., SQuAD (2016), but articles count. Two texts without words are alike.
    """
    first, second = (Counter(_WORD.findall(_MARK.sub("", text).casefold())) for text in (one, other))
    total = first.total() + second.total()
    return 1.0 if total == 0 else 2 * (first & second).total() / total
