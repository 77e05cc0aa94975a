"""Which arm to serve, and how sure that is."""

from eval.comparison import Comparison, Interval, Sentence
from eval.report.choosing import Choice
from eval.report.contrasts import contrast
from eval.report.references import figure_of, to_cost, to_figure
from eval.report.sentences.phrases import apart, leading_facts, with_interval, would_show
from eval.report.wording import amount, chance, count, joined


def choice_sentences(comparison: Comparison, choice: Choice | None) -> list[Sentence]:
    """The first sentence is the answer; a winner is named only where each other arm is shown to be worse."""
    if choice is None:
        return [_nothing(comparison)]
    if not choice.rivals and not choice.beaten:
        return [_alone(comparison, choice)]
    if choice.shown:
        return [_winner(comparison, choice), _nearest(comparison, choice)]
    first = _near_enough(comparison, choice) if choice.enough else _too_few(comparison, choice)
    return [*first, *_worse(comparison, choice)]


def _nothing(comparison: Comparison) -> Sentence:
    title = leading_facts(comparison).title
    return Sentence(
        text=f"Nothing can be recommended: no arm has a value of {title}, the measure that decides.",
        figures=tuple(
            to_figure(comparison.leading, arm.name) for arm in comparison.arms if _has(comparison, arm.name)
        ),
    )


def _alone(comparison: Comparison, choice: Choice) -> Sentence:
    facts = leading_facts(comparison)
    return Sentence(
        text=f"Only {choice.best.name} has a value of {facts.title}, {_best(comparison, choice)}: nothing is compared.",
        figures=(to_figure(comparison.leading, choice.best.name),),
    )


def _winner(comparison: Comparison, choice: Choice) -> Sentence:
    facts, best = leading_facts(comparison), choice.best
    others = "the other arm is" if len(choice.beaten) == 1 else "every other arm is"
    return Sentence(
        text=f"Serve {best.name}: it has the best {facts.title}, {_best(comparison, choice)}, and {others} shown to be "
        "worse.",
        figures=(to_figure(comparison.leading, best.name), *_against(comparison, choice, choice.beaten)),
    )


def _nearest(comparison: Comparison, choice: Choice) -> Sentence:
    facts, best, nearest = leading_facts(comparison), choice.best, choice.beaten[0]
    mean = _estimate(comparison, nearest.name)
    held = contrast(comparison, comparison.leading, best, nearest)
    text = f"The nearest to it is {nearest.name} with {amount(mean.mean, facts.unit)}"
    figures = [to_figure(comparison.leading, nearest.name)]
    if held is not None:
        p = chance(held.difference.p_adjusted)
        sign = "" if p.startswith("<") else "=\u00a0"
        text += (
            f": {apart(held, facts)} for {best.name}, p\u00a0{sign}{p} after correction for all comparisons"
        )
        figures.append(held.reference)
    return Sentence(text=text + ".", figures=tuple(figures))


def _near_enough(comparison: Comparison, choice: Choice) -> list[Sentence]:
    """Each rival is within what matters of the best: the one that asks for least is as good a choice."""
    facts, serve, best = leading_facts(comparison), choice.serve, choice.best
    own = with_interval(_estimate(comparison, serve.name), facts)
    rivals = joined([arm.name for arm in choice.rivals])
    if serve is best:
        text = (
            f"Serve {serve.name}: it has the highest mean of {facts.title}, {own}, and asks for no more than {rivals}, "
            "from which no difference is seen."
        )
    else:
        text = (
            f"Serve {serve.name}, with {facts.title} of {own}: {best.name} has the highest mean, but no difference from "
            f"{rivals} is seen, and {serve.name} asks for least: {_why_least(choice)}."
        )
    names = (best, *choice.rivals)
    means = [f"{arm.name} {amount(_estimate(comparison, arm.name).mean, facts.unit)}" for arm in names]
    held = contrast(comparison, comparison.leading, best, choice.rivals[0])
    detectable = f"; {would_show(held, facts)}" if held is not None else ""
    against = _against(comparison, choice, choice.rivals)
    figures = tuple(to_figure(comparison.leading, arm.name) for arm in names)
    return [
        Sentence(text=text, figures=(*figures, *against, *(to_cost(arm.name) for arm in names))),
        Sentence(text=f"Their means are {joined(means)}{detectable}.", figures=(*figures, *against)),
    ]


def _too_few(comparison: Comparison, choice: Choice) -> list[Sentence]:
    facts, best = leading_facts(comparison), choice.best
    rivals = joined(
        [f"{arm.name} ({amount(_estimate(comparison, arm.name).mean, facts.unit)})" for arm in choice.rivals]
    )
    names = (best, *choice.rivals)
    text = (
        f"There are not enough questions to say which arm is best: {best.name} has the highest mean of {facts.title}, "
        f"{_best(comparison, choice)}, but is not shown to be better than {rivals}."
    )
    start = "it is also" if choice.serve is best else f"{choice.serve.name} is"
    return [
        Sentence(
            text=text,
            figures=(
                *(to_figure(comparison.leading, arm.name) for arm in names),
                *_against(comparison, choice, choice.rivals),
            ),
        ),
        Sentence(
            text=f"Until there are more, {start} the one of these that asks for least: {_why_least(choice)}.",
            figures=tuple(to_cost(arm.name) for arm in names),
        ),
    ]


def _why_least(choice: Choice) -> str:
    among = (choice.best, *choice.rivals)
    if choice.serve.adapter is None and any(arm.adapter is not None for arm in among):
        return "it needs no training" + (
            ", and of those it is the cheapest" if _untrained(choice) > 1 else ""
        )
    priced = all(arm.cost.money_per_1000 is not None for arm in among)
    return "its answers cost the least" if priced else "its answers come soonest"


def _untrained(choice: Choice) -> int:
    return sum(arm.adapter is None for arm in (choice.best, *choice.rivals))


def _worse(comparison: Comparison, choice: Choice) -> list[Sentence]:
    if not choice.beaten:
        return []
    facts = leading_facts(comparison)
    listed = joined(
        [f"{arm.name} ({amount(_estimate(comparison, arm.name).mean, facts.unit)})" for arm in choice.beaten]
    )
    return [
        Sentence(
            text=f"Shown to be worse than {choice.best.name}: {listed}.",
            figures=(
                *(to_figure(comparison.leading, arm.name) for arm in choice.beaten),
                *_against(comparison, choice, choice.beaten),
            ),
        )
    ]


def _against(comparison: Comparison, choice: Choice, others: tuple[object, ...]) -> tuple[str, ...]:
    held = [
        contrast(comparison, comparison.leading, choice.best, arm)
        for arm in (*choice.rivals, *choice.beaten)
        if arm in others
    ]
    return tuple(one.reference for one in held if one is not None)


def _best(comparison: Comparison, choice: Choice) -> str:
    facts = leading_facts(comparison)
    figure = figure_of(choice.best, comparison.leading)
    cases = figure.cases if figure is not None else 0
    return f"{with_interval(_estimate(comparison, choice.best.name), facts)} on {count(cases)} questions"


def _estimate(comparison: Comparison, name: str) -> Interval:
    arm = next(arm for arm in comparison.arms if arm.name == name)
    figure = figure_of(arm, comparison.leading)
    assert figure is not None and figure.estimate is not None  # noqa: S101 - only ranked arms come here
    return figure.estimate


def _has(comparison: Comparison, name: str) -> bool:
    return any(arm.name == name and figure_of(arm, comparison.leading) is not None for arm in comparison.arms)
