"""The recommendation in words: only what the figures allow, each sentence with the figures that it stands on."""

from eval.comparison import Comparison, Sentence
from eval.report.choosing import choose
from eval.report.sentences.choice import choice_sentences
from eval.report.sentences.costs import cost_sentences
from eval.report.sentences.limits import limit_sentences
from eval.report.sentences.next_steps import next_sentences
from eval.report.sentences.parts import part_sentences, worth_sentences
from eval.report.sentences.slices import slice_sentences
from eval.report.sentences.unknown import unknown_sentences
from eval.report.wording import clean


def recommend(comparison: Comparison) -> tuple[Sentence, ...]:
    """Sentences by topic, the choice first. A winner is named only where each other arm is shown to be worse.

    The same comparison gives the same sentences; its own `recommendation` is not looked at.
    """
    choice = choose(comparison)
    said = [
        *choice_sentences(comparison, choice),
        *part_sentences(comparison),
        *worth_sentences(comparison),
        *cost_sentences(comparison),
        *unknown_sentences(comparison),
        *slice_sentences(comparison, choice),
        *next_sentences(comparison, choice),
        *limit_sentences(comparison),
    ]
    return tuple(one.model_copy(update={"text": clean(one.text)}) for one in said)
