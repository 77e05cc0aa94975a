"""What arms say when the documents hold no answer, and how often they say so in vain."""

from eval.comparison import Comparison, MeasureFacts, Sentence
from eval.report.contrasts import facts_of
from eval.report.known import OUT_OF_DOMAIN, SAYS_UNKNOWN_RIGHTLY, SAYS_UNKNOWN_WRONGLY
from eval.report.references import mean_of, to_figure
from eval.report.sentences.phrases import leading_facts, per_arm
from eval.report.wording import joined


def unknown_sentences(comparison: Comparison) -> list[Sentence]:
    """How often "I don't know" was right and wrong; the same, or the leading measure, out of the domain."""
    rightly, wrongly = facts_of(comparison, SAYS_UNKNOWN_RIGHTLY), facts_of(comparison, SAYS_UNKNOWN_WRONGLY)
    return [
        *_said(
            comparison,
            rightly,
            "Of the questions that the documents do not answer, “I don't know” is said, rightly, to",
        ),
        *_said(comparison, wrongly, "Of those that they do answer, it is said, wrongly, to"),
        *_out_of_domain(comparison),
    ]


def _said(
    comparison: Comparison, facts: MeasureFacts | None, begin: str, tag: str | None = None
) -> list[Sentence]:
    if facts is None or not (told := per_arm(comparison.arms, facts, tag)):
        return []
    figures = tuple(
        to_figure(facts.name, arm.name, tag)
        for arm in comparison.arms
        if mean_of(arm, facts.name, tag) is not None
    )
    return [Sentence(text=f"{begin} {joined(told)}.", figures=figures, topic="unknown")]


def _out_of_domain(comparison: Comparison) -> list[Sentence]:
    tags = {part.tag for arm in comparison.arms for part in arm.slices}
    tag = next((one for one in OUT_OF_DOMAIN if one in tags), None)
    if tag is None:
        return []
    rightly, leading = facts_of(comparison, SAYS_UNKNOWN_RIGHTLY), leading_facts(comparison)
    begin = "Of the questions outside the domain, it is said, rightly, to"
    return _said(comparison, rightly, begin, tag) or _said(
        comparison, leading, f"On questions outside the domain, {leading.title} is", tag
    )
