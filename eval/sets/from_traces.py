"""Real questions as cases: what users have asked, what was answered, and which answers they have voted for."""

from collections import Counter
from collections.abc import Iterable, Sequence

from eval.case import EvalCase
from eval.sets.hashing import id_of_question
from finetune.dataset.likeness import AskedBefore
from finetune.dataset.questions import SourceQuestion
from tandem.store import Trace

_BANDS = 5
"""Into so many equal bands is the probability of the evidence parted."""
_SHOWN = 4
"""Most citations that a reviewer sees."""


def cases_of_traces(
    traces: Iterable[Trace], limit: int, *, corpora: Sequence[str] = (), recipe: str | None = None
) -> tuple[list[tuple[EvalCase, str]], Counter[str]]:
    """At most `limit` questions without references, the newest of each wording, with what was answered.

    Tags say which recipe answered, how strong the evidence was, and whether it said "I don't know". With
    `corpora` only what was asked of one of them, or of all; `recipe` is a name, or a name and version. The
    counter tells how many others there were, by why they are no case. Stops reading once it has enough.
    """
    kept: list[tuple[EvalCase, str]] = []
    dropped: Counter[str] = Counter()
    asked = AskedBefore()
    for trace in traces:
        question = " ".join(trace.question.split())
        if why := _why_not(trace, question, asked, corpora, recipe):
            dropped[why] += 1
            continue
        asked.add(question)
        case = EvalCase(id=id_of_question(question), question=question, tags=_tags(trace))
        kept.append((case, _shown(trace)))
        if len(kept) == limit:
            break
    return kept, dropped


def cases_of_feedback(
    questions: Iterable[SourceQuestion], dropped: Counter[str]
) -> tuple[list[EvalCase], Counter[str]]:
    """Answers that were voted up, as references; a question that was voted up twice has both.

    The counter tells how many others there were, by why they are no case: those of `dropped`, and what was asked
    before.
    """
    dropped = dropped.copy()
    cases: dict[str, EvalCase] = {}
    for one in questions:
        number = id_of_question(one.question)
        before = cases.get(number)
        cases[number] = EvalCase(
            id=number,
            question=before.question if before else one.question,
            references=_unique((before.references if before else ()) + one.answers),
            documents=_unique((before.documents if before else ()) + one.documents),
            tags=("feedback",),
        )
        dropped["asked before"] += before is not None
    return list(cases.values()), +dropped


def _why_not(
    trace: Trace, question: str, asked: AskedBefore, corpora: Sequence[str], recipe: str | None
) -> str:
    if not question:
        return "empty"
    if corpora and trace.corpora and not set(corpora) & set(trace.corpora):
        return "asked of another corpus"
    if recipe is not None and recipe not in (trace.recipe, _name(trace.recipe)):
        return "answered by another recipe"
    if asked.same(question) or asked.near(question):
        return "asked before"
    return ""


def _tags(trace: Trace) -> tuple[str, ...]:
    tags = ["trace", f"recipe:{_name(trace.recipe)}"[:64]]
    if trace.evidence is not None:
        low = min(int(trace.evidence * _BANDS), _BANDS - 1) / _BANDS
        tags.append(f"evidence:{low:.1f}-{low + 1 / _BANDS:.1f}")
    if trace.abstained:
        tags.append("abstained")
    return tuple(tags)


def _shown(trace: Trace) -> str:
    """The answer and what it cites; neither where one of its documents was deleted in the meantime."""
    when = f"{trace.recipe} answered on {trace.created_at:%Y-%m-%d}"
    if not trace.answer:
        return f"{when}; the answer is no longer kept"
    cited = [f"  {one.get('uri', '')}: {one.get('quote', '')}" for one in trace.citations[:_SHOWN]]
    return "\n".join([f"{when}: {trace.answer}", *cited])


def _name(recipe: str) -> str:
    return recipe.partition("@")[0]


def _unique(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
