"""What arms say when the documents hold no answer, and how often they say so in vain."""

from eval.comparison import Comparison, MeasureFacts, Sentence
from eval.report.known import OUT_OF_DOMAIN, SAYS_UNKNOWN_RIGHTLY, SAYS_UNKNOWN_WRONGLY, first_known
from eval.report.references import mean_of, to_figure
from eval.report.sentences.phrases import leading_facts, per_arm
from eval.report.wording import joined


def unknown_sentences(comparison: Comparison) -> list[Sentence]:
    """How often "I don't know" was right and wrong; the leading measure on questions out of the domain."""
    rightly = first_known(comparison, SAYS_UNKNOWN_RIGHTLY)
    wrongly = first_known(comparison, SAYS_UNKNOWN_WRONGLY)
    return [
        *_said(comparison, rightly, 'Where the documents hold no answer, "I don\'t know" is said to'),
        *_said(comparison, wrongly, "Where they do hold one, it is said wrongly to"),
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
    facts = first_known(comparison, SAYS_UNKNOWN_RIGHTLY)
    if told := _said(comparison, facts, 'On questions outside the domain "I don\'t know" is said to', tag):
        return told
    title = leading_facts(comparison)
    return _said(comparison, title, f"On questions outside the domain {title.title} is", tag)
