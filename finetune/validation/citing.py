"""Whether what an answer cites holds what it is cited for.

Three measures of one citation, each of the passage's text:

- `reference`: the normalised words of a reference stand in it, one after the other: the strictest, and the only
  one that says that the source is right;
- `reference_words`: it has at least three quarters (`COVERED`) of the content words of a reference, so that a
  reference in other words than the source's counts too;
- `answer_words`: it has at least three quarters of the content words of the answer that was given: whether the
  source says what the answer says, be it right or wrong.

Content words are those that the reranker counts: in lower case, without the commonest, without their endings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from finetune.validation.scores import contains, without_marks
from tandem.rerank.words import stems_of

COVERED = 0.75


@dataclass(frozen=True, slots=True)
class CitationCounts:
    """Citations of one answer, and of how many the passage holds something."""

    given: int = 0
    reference: int = 0
    reference_words: int = 0
    answer_words: int = 0


def count_citations(passages: Sequence[str], answer: str, references: Sequence[str]) -> CitationCounts:
    """The measures of one answer; `passages` are the texts of its citations, one for each."""
    return CitationCounts(
        given=len(passages),
        reference=sum(contains(passage, references) for passage in passages),
        reference_words=sum(
            any(covered(reference, passage) >= COVERED for reference in references) for passage in passages
        ),
        answer_words=sum(covered(without_marks(answer), passage) >= COVERED for passage in passages),
    )


def covered(text: str, passage: str) -> float:
    """Share, in [0, 1], of the different content words of `text` that `passage` has; 0 where it has none."""
    wanted = {stem for stem in stems_of(text) if stem}
    return len(wanted & set(stems_of(passage))) / len(wanted) if wanted else 0.0
