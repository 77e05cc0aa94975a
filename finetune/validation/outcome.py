"""A reply, judged by the question's references."""

from dataclasses import dataclass

from finetune.dataset.questions import SourceQuestion
from finetune.validation.asking import Reply
from finetune.validation.citing import CitationCounts, count_citations
from finetune.validation.labels import read_label
from finetune.validation.scores import contains, exact_match, says_unknown, token_f1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one question came to. An answer that says "I don't know." is worth 0 where there is an answer."""

    id: str
    question: str
    answerable: bool
    """Whether its answer is in the corpus that was searched."""
    answer: str
    unknown: bool
    """Whether it was answered by "I don't know."."""
    exact: float
    """0 or 1, as are the others but F1; 0 where there is nothing to be right about."""
    f1: float
    contains: float
    """Whether a reference stands in the answer, which may be longer."""
    label: str | None
    """The class that is right."""
    said_label: str | None
    citations: CitationCounts
    tokens_in: int
    tokens_out: int
    seconds: float


def outcome_of(question: SourceQuestion, reply: Reply, *, left_out: bool = False) -> Outcome:
    """Judge a reply; with `left_out` the documents of the question were not searched, so there is no answer.

    A question with a label is right by its label: its references are kept for F1.
    """
    answerable = question.answerable and not left_out
    unknown = says_unknown(reply.text, abstained=reply.abstained)
    right = answerable and not unknown
    return Outcome(
        id=question.id,
        question=question.question,
        answerable=answerable,
        answer=reply.text,
        unknown=unknown,
        exact=float(right and exact_match(reply.text, question.answers)),
        f1=token_f1(reply.text, question.answers) if right else 0.0,
        contains=float(right and contains(reply.text, question.answers)),
        label=question.label if answerable else None,
        said_label=read_label(reply.text) if right else None,
        citations=count_citations(reply.cited, reply.text, question.answers)
        if answerable
        else CitationCounts(given=len(reply.cited)),
        tokens_in=reply.tokens_in,
        tokens_out=reply.tokens_out,
        seconds=reply.seconds,
    )
