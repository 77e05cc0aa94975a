"""What to do now: where the answers are lost, and how many questions it takes to say more."""

from eval.comparison import Comparison, Sentence
from eval.report.choosing import Choice
from eval.report.contrasts import contrast
from eval.report.given import ANSWER_IN_PROMPT, F1_GIVEN_ANSWER, lost
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


def _bottleneck(comparison: Comparison, choice: Choice) -> list[Sentence]:
    """Of the arm to serve, or the best one that retrieves."""
    arms = (choice.serve, choice.best, *choice.rivals, *choice.beaten)
    arm = next((one for one in arms if mean_of(one, ANSWER_IN_PROMPT.name) is not None), None)
    if arm is None:
        return []
    found, given = mean_of(arm, ANSWER_IN_PROMPT.name), mean_of(arm, F1_GIVEN_ANSWER.name)
    if found is None:
        return []
    figures = [to_figure(ANSWER_IN_PROMPT.name, arm.name)]
    text = f"With {arm.name}, the prompt lacks the answer, word for word, to {amount(1 - found, 'share')} of the questions"
    if given is None:
        return [Sentence(text=f"{text}.", figures=tuple(figures), topic="next")]
    figures.append(to_figure(F1_GIVEN_ANSWER.name, arm.name))
    before, after = lost(found, given)
    work = "Better retrieval comes first" if before > after else "Better use of what is found comes first"
    text += (
        f"; where it is there, F1 of words is {amount(given, 'score')}. Having every answer there would add about "
        f"{size(before, 'score')}, using rightly what is there up to {size(after, 'score')}. {work}."
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
