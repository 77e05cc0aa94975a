"""Cases that may be answered by another document than theirs, for a reviewer to say so.

Asked without its documents, a case is to be answered by "I don't know". That is wrong of a case that another document
answers, too: whoever abstains from it is counted as right, and whoever answers it well as wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.case import EvalCase

ORIGIN = "elsewhere"
"""What the origin of a draft of such cases says that it is from: they stand in for those of their set."""
_MOST_CHARS = 1_500
"""Of a passage: more than a reviewer reads."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a case brings without its documents."""

    case: EvalCase
    evidence: float
    """Probability that the passages hold an answer."""
    passages: tuple[tuple[str, str], ...]
    """Address of the document and text, best first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says of it."""

    passage: int
    """The number of the one that answers, from 1; 0 for none, or where it gave no verdict."""
    reason: str
    given: bool = True


def unmarked(cases: Sequence[EvalCase]) -> list[EvalCase]:
    """The cases that are asked without their documents as things stand. No follow-ups: a search for the question alone
    says little of them.
    """
    return [
        case
        for case in cases
        if case.answerable and case.documents and not case.elsewhere and not case.history
    ]


def marked(cases: Sequence[EvalCase], reviewed: Sequence[EvalCase]) -> list[EvalCase]:
    """The cases with the marks of those that were reviewed, and else as they are; a case that changed since then keeps
    its own.
    """
    marks = {case.model_copy(update={"elsewhere": False}): case.elsewhere for case in reviewed}
    return [
        case.model_copy(update={"elsewhere": marks.get(plain, case.elsewhere)})
        for case in cases
        for plain in [case.model_copy(update={"elsewhere": False})]
    ]


def for_review(brought: Sequence[Brought], verdicts: Sequence[Verdict | None]) -> list[tuple[EvalCase, str]]:
    """The cases with what is shown beside them, those first that are likeliest to be answered elsewhere.

    A case that a judge takes to be answered is marked so for the reviewer to accept.
    """
    both = sorted(
        zip(brought, verdicts, strict=True),
        key=lambda pair: (not (pair[1] and pair[1].passage), -pair[0].evidence),
    )
    return [
        (one.case.model_copy(update={"elsewhere": bool(said and said.passage)}), _shown(one, said))
        for one, said in both
    ]


def _shown(one: Brought, said: Verdict | None) -> str:
    lines = [f"Found in other documents, with an evidence of {one.evidence:.2f}:"]
    for number, (uri, text) in enumerate(one.passages, start=1):
        short = " ".join(text.split())
        lines.append(f"[{number}] {uri}: {short[:_MOST_CHARS]}{'...' if len(short) > _MOST_CHARS else ''}")
    if said is not None and said.given:
        which = f"passage {said.passage} answers it" if said.passage else "none of them answers it"
        lines.append(f"The judge: {which}. {said.reason}")
    elif said is not None:
        lines.append(f"The judge gave no verdict: {said.reason}")
    return "\n".join(lines)
