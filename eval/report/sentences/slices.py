"""Where the answer to "which arm?" is another for some questions, and where the served arm is weak."""

from eval.comparison import Comparison, Difference, Sentence
from eval.report.choosing import Choice
from eval.report.contrasts import Contrast, contrast
from eval.report.references import figure_of, to_figure
from eval.report.sentences.phrases import apart, leading_facts, with_interval
from eval.report.wording import amount, count

_MOST = 3


def slice_sentences(comparison: Comparison, choice: Choice | None) -> list[Sentence]:
    """At most three slices where an arm is shown to be better than the served one, and the slice that it is worst in."""
    if choice is None:
        return []
    return [*_better_elsewhere(comparison, choice)[:_MOST], *_weakest(comparison, choice)]


def _better_elsewhere(comparison: Comparison, choice: Choice) -> list[Sentence]:
    facts = leading_facts(comparison)
    return [
        Sentence(
            text=f"On the {count(held.difference.cases)} questions tagged {tag}, {held.one.name} is better than "
            f"{held.other.name} by {facts.title}: {apart(held, facts)}.",
            figures=(held.reference,),
            topic="slices",
        )
        for tag, held in _contrasts(comparison, choice)
        if held.difference.verdict == "better"
    ]


def _contrasts(comparison: Comparison, choice: Choice) -> list[tuple[str, Contrast]]:
    tags = list(
        dict.fromkeys(one.slice for one in comparison.differences if _led(comparison, one) and one.slice)
    )
    others = [arm for arm in comparison.arms if arm is not choice.serve]
    found = [
        (tag, contrast(comparison, comparison.leading, arm, choice.serve, tag))
        for tag in tags
        for arm in others
    ]
    return [(tag, held) for tag, held in found if held is not None]


def _led(comparison: Comparison, difference: Difference) -> bool:
    return difference.measure == comparison.leading


def _weakest(comparison: Comparison, choice: Choice) -> list[Sentence]:
    """Only where its interval lies wholly on the bad side of that of all questions."""
    facts, arm = leading_facts(comparison), choice.serve
    whole = figure_of(arm, comparison.leading)
    if whole is None or whole.estimate is None:
        return []
    sign = -1 if facts.better == "lower" else 1
    known = [
        (part.tag, figure.cases, figure.estimate)
        for part in arm.slices
        if (figure := figure_of(arm, comparison.leading, part.tag)) is not None
        and figure.estimate is not None
    ]
    weak = [
        one
        for one in known
        if (one[2].high < whole.estimate.low if sign > 0 else one[2].low > whole.estimate.high)
    ]
    if not weak:
        return []
    tag, cases, estimate = min(weak, key=lambda one: sign * one[2].mean)
    return [
        Sentence(
            text=f"The weakest slice of {arm.name} is {tag} ({count(cases)} questions): {facts.title} "
            f"{with_interval(estimate, facts)}, against {amount(whole.estimate.mean, facts.unit)} of all.",
            figures=(to_figure(comparison.leading, arm.name, tag), to_figure(comparison.leading, arm.name)),
            topic="slices",
        )
    ]
