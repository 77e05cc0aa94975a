"""What prompting, retrieval, training and the hybrid each bring, and whether training is worth its cost."""

from eval.comparison import Comparison, MeasureFacts, Sentence
from eval.report.contrasts import Contrast, arm_of_kind, contrast, part_contrasts
from eval.report.references import to_cost
from eval.report.sentences.phrases import apart, leading_facts, would_show
from eval.report.wording import duration, size


def part_sentences(comparison: Comparison) -> list[Sentence]:
    """One sentence for each part that two arms of the comparison differ in."""
    facts = leading_facts(comparison)
    return [
        Sentence(text=_brings(part, held, facts), figures=(held.reference,), topic="parts")
        for part, held in part_contrasts(comparison)
    ]


def worth_sentences(comparison: Comparison) -> list[Sentence]:
    """Whether training earns its cost: on top of retrieval where both arms are there, else alone."""
    hybrid, rag = arm_of_kind(comparison, "hybrid"), arm_of_kind(comparison, "rag")
    tuned, base = arm_of_kind(comparison, "tuned"), arm_of_kind(comparison, "base")
    for what, one, other in (("on top of retrieval", hybrid, rag), ("without retrieval", tuned, base)):
        if one is None or other is None:
            continue
        if held := contrast(comparison, comparison.leading, one, other):
            text = _worth(what, held, leading_facts(comparison))
            return [Sentence(text=text, figures=(held.reference, to_cost(one.name)), topic="cost")]
    return []


def _brings(part: str, held: Contrast, facts: MeasureFacts) -> str:
    subject = f"{part[0].upper()}{part[1:]} ({held.one.name} against {held.other.name})"
    verdict = held.difference.verdict
    if verdict == "too few" and held.difference.doubtful:
        return f"{subject}: {facts.title} {apart(held, facts)}, but the failed cases could turn this."
    if verdict == "too few":
        return (
            f"{subject}: not enough questions to say. {facts.title} changes by {apart(held, facts)}, and "
            f"{would_show(held, facts)}, no smaller one."
        )
    if verdict == "no difference seen":
        return f"{subject}: no difference in {facts.title} is seen, {apart(held, facts)}; {would_show(held, facts)}."
    return (
        f"{subject} {'improves' if verdict == 'better' else 'worsens'} {facts.title}: {apart(held, facts)}."
    )


def _worth(what: str, held: Contrast, facts: MeasureFacts) -> str:
    training = held.one.cost.training_s
    effort = f"{duration(training)} of training" if training is not None else "its training"
    verdict = held.difference.verdict
    if verdict == "better":
        gain = size(held.difference.estimate.mean, facts.unit)
        return f"Fine-tuning {what} earns its place here: {effort} for {gain} of {facts.title}."
    if verdict == "worse":
        return f"Fine-tuning {what} is not worth its cost here: after {effort}, {facts.title} is worse than without it."
    if verdict == "no difference seen":
        return f"Fine-tuning {what} is not worth its cost here: {effort} made no difference in {facts.title} that is seen."
    return f"Whether fine-tuning {what} is worth {effort} cannot be said with so few questions."
