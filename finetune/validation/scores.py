"""How right an answer is, by its text: exact match and token F1 as SQuAD's official evaluation defines them.

Rajpurkar, Zhang, Lopyrev and Liang, SQuAD: 100,000+ Questions for Machine Comprehension of Text (EMNLP 2016),
`evaluate-v1.1.py`; what has no words is treated as in SQuAD 2.0 (Rajpurkar, Jia and Liang, ACL 2018). Every
function takes the answer as it was shown: its citation marks `[n]` are no part of what it says.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

from tandem.abstention import abstains

_MARK = re.compile(r"\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\]")
_ARTICLE = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def without_marks(text: str) -> str:
    """The text without its citation marks, such as `[1]` and `[2, 3]`."""
    return _MARK.sub("", text).strip()


def normalised(text: str) -> str:
    """In lower case, without ASCII punctuation, then without articles, with single spaces: SQuAD's order.

    A hyphen goes without leaving a space (`well-known` becomes `wellknown`), as it does there.
    """
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(answer: str, references: Sequence[str]) -> bool:
    """Whether the answer and one of the references are the same when normalised.

    Raises `ValueError` without references.
    """
    said = normalised(without_marks(answer))
    return any(said == normalised(reference) for reference in _some(references))


def token_f1(answer: str, references: Sequence[str]) -> float:
    """F1 of normalised words as sets with counts, in [0, 1]; the best over the references.

    Where one of the two has no words it is 1 if neither has any, else 0. Raises `ValueError` without references.
    """
    said = normalised(without_marks(answer)).split()
    return max(overlap_f1(said, normalised(reference).split()) for reference in _some(references))


def overlap_f1(one: Sequence[str], other: Sequence[str]) -> float:
    """Harmonic mean of the shares of either list of words that the other has too, as sets with counts."""
    if not one or not other:
        return float(len(one) == len(other))
    shared = (Counter(one) & Counter(other)).total()
    return 2 * shared / (len(one) + len(other))


def contains(text: str, references: Sequence[str]) -> bool:
    """Whether the normalised words of one of the references stand in the text's, one after the other.

    What is asked of a long answer, to which F1 says nothing, and of a passage that an answer cites. A reference
    without words is contained in nothing.
    """
    words = f" {normalised(without_marks(text))} "
    return any((wanted := normalised(reference)) and f" {wanted} " in words for reference in references)


def says_unknown(answer: str, *, abstained: bool = False) -> bool:
    """Whether the answer is that there is none: serving said so (`abstained`), or the text begins with it.

    A recipe without retrieval has only its text. What such a text goes on to guess does not count as an answer:
    with retrieval, serving drops that sentence and keeps what a passage supports, or ends there where the model was
    inclined to say so.
    """
    return abstained or abstains(answer)


def _some(references: Sequence[str]) -> Sequence[str]:
    if not references:
        raise ValueError("there is no reference to compare with")
    return references
