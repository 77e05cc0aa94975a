"""What cannot be said: a run that was ended, questions without an answer, judgements that failed."""

from eval.comparison import Comparison, Sentence
from eval.report.references import figure_of, to_figure
from eval.report.sentences.phrases import leading_facts
from eval.report.wording import amount, count


def limit_sentences(comparison: Comparison) -> list[Sentence]:
    """Whatever takes from the trust in the other sentences."""
    return [*_partial(comparison), *_failed(comparison)]


def _partial(comparison: Comparison) -> list[Sentence]:
    if not comparison.partial:
        return []
    figures = [
        (arm, figure) for arm in comparison.arms if (figure := figure_of(arm, comparison.leading)) is not None
    ]
    told = ", ".join(f"{count(figure.cases)} of {arm.name}" for arm, figure in figures)
    text = "The run was ended before everything was asked or judged; what is said here is of the answers that are there"
    return [
        Sentence(
            text=f"{text}: {told}." if told else f"{text}.",
            figures=tuple(to_figure(comparison.leading, arm.name) for arm, _ in figures),
            topic="limits",
        )
    ]


def _failed(comparison: Comparison) -> list[Sentence]:
    facts = leading_facts(comparison)
    sentences = []
    for arm in comparison.arms:
        figure = figure_of(arm, comparison.leading)
        if figure is None or not figure.failed:
            continue
        text = f"{count(figure.failed)} of {count(figure.cases + figure.failed)} questions gave no {facts.title} of {arm.name}"
        if figure.bounds is not None:
            low, high = (amount(one, facts.unit) for one in figure.bounds)
            text += f": over all of them it lies between {low} and {high}"
        sentences.append(
            Sentence(text=f"{text}.", figures=(to_figure(comparison.leading, arm.name),), topic="limits")
        )
    return sentences
