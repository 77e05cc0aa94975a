"""What to do now: where the answers are lost, and how many questions it takes to say more."""

from eval.comparison import Comparison, Sentence
from eval.report.choosing import Choice
from eval.report.contrasts import contrast
from eval.report.known import ANSWER_FOUND, F1_GIVEN_ANSWER, first_known
from eval.report.references import mean_of, to_confusion, to_figure
from eval.report.sentences.phrases import leading_facts
from eval.report.wording import amount, count, size


def next_sentences(comparison: Comparison, choice: Choice | None) -> list[Sentence]:
    """Work on retrieval or on generation; more questions; how far the guess of the commonest class gets."""
    if choice is None:
        return []
    return [
        *_bottleneck(comparison, choice),
        *_more_questions(comparison, choice),
        *_commonest(comparison, choice),
    ]


def lost(found: float, given: float) -> tuple[float, float]:
    """What retrieval and generation cost of the score, in [0, 1].

    With `found` as the share of questions whose passages hold the answer and `given` as the score where they do,
    finding every answer would add (1 - found) * given, and answering all that is found rightly found * (1 - given).
    """
    return (1 - found) * given, found * (1 - given)


def _bottleneck(comparison: Comparison, choice: Choice) -> list[Sentence]:
    found_by, given_by = first_known(comparison, ANSWER_FOUND), first_known(comparison, F1_GIVEN_ANSWER)
    if found_by is None:
        return []
    arm = next(
        (one for one in (choice.serve, choice.best, *choice.rivals, *choice.beaten) if one.retrieves), None
    )
    found = mean_of(arm, found_by.name) if arm is not None else None
    if arm is None or found is None:
        return []
    figures = [to_figure(found_by.name, arm.name)]
    text = f"With {arm.name}, the passages lack the answer to {amount(1 - found, 'share')} of the questions"
    given = mean_of(arm, given_by.name) if given_by is not None else None
    if given_by is None or given is None:
        return [
            Sentence(
                text=f"{text}: what is not found cannot be answered.", figures=tuple(figures), topic="next"
            )
        ]
    figures.append(to_figure(given_by.name, arm.name))
    retrieval, generation = lost(found, given)
    larger = "retrieval" if retrieval > generation else "generation"
    text += (
        f", and where the answer stands in the prompt, F1 is {amount(given, 'score')}: finding every answer would add "
        f"about {size(retrieval, 'score')}, using rightly what is found up to {size(generation, 'score')}. "
        f"Work on {larger} first."
    )
    return [Sentence(text=text, figures=tuple(figures), topic="next")]


def _more_questions(comparison: Comparison, choice: Choice) -> list[Sentence]:
    """Of the rival that asks for most questions."""
    facts = leading_facts(comparison)
    held = [contrast(comparison, comparison.leading, choice.best, arm) for arm in choice.rivals]
    short = [
        one
        for one in held
        if one is not None
        and one.difference.verdict == "too few"
        and one.difference.needed > one.difference.cases
    ]
    if not short:
        return []
    most = max(short, key=lambda one: one.difference.needed)
    difference = most.difference
    return [
        Sentence(
            text=f"Add questions: {count(difference.cases)} tell {most.one.name} and {most.other.name} apart only from "
            f"{size(difference.detectable, facts.unit)} on; about {count(difference.needed)} would show the smallest "
            "difference that matters.",
            figures=(most.reference,),
            topic="next",
        )
    ]


def _commonest(comparison: Comparison, choice: Choice) -> list[Sentence]:
    counts = {label: sum(said.values()) for label, said in choice.serve.confusion.items()}
    total = sum(counts.values())
    if not total:
        return []
    label = max(sorted(counts), key=lambda one: counts[one])
    return [
        Sentence(
            text=f"For scale: always saying {label}, the commonest class, would be right in "
            f"{amount(counts[label] / total, 'share')} of {count(total)} questions.",
            figures=(to_confusion(choice.serve.name),),
            topic="limits",
        )
    ]
