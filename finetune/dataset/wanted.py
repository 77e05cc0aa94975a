"""The answer that is wanted, in the form that serving reads."""

from finetune.dataset.located import Located
from finetune.dataset.options import Style
from finetune.dataset.texts import (
    nearest_sentence,
    places,
    sentence_around,
    sentences,
    without_marks,
)
from tandem.prompts import render
from tandem.vocabulary import Passage


def wanted_answer(located: Located, passage: Passage, style: Style, number: int | None) -> str:
    """What the model is to write of the passage that holds the answer.

    A question with a label gets `Label: sentence`, the class first so that it can be read off, and then the
    sentence that speaks for it, so that the citer has something to stand on; in the style `label`, the class
    alone. With a `number` each sentence has its mark.
    """
    text, reference = passage.chunk.text, located.reference
    label = located.question.label
    if label is not None and style == "label":
        return f"{label.capitalize()}."
    if label is not None:
        return _marked(f"{label.capitalize()}: {without_marks(nearest_sentence(text, reference))}", number)
    found = places(reference, text)
    if style == "sentence" and found:
        return _marked(without_marks(sentence_around(text, found[0])), number)
    return _marked(without_marks(reference), number)


def shows_numbers(template: str) -> bool:
    """Whether a prompt shows the numbers of its passages: where it does not, no model can know them."""
    shown = [{"title": "", "section": None, "text": text} for text in ("first", "second")]
    messages = render(
        template, question="", instructions="", history=[], passages=shown, fence="0" * 8, arranged=True
    )
    asked = "\n".join(message["content"] for message in messages if message["role"] == "user")
    return "[1]" in asked and "[2]" in asked


def _marked(answer: str, number: int | None) -> str:
    if number is None:
        return answer
    return " ".join(f"{answer[one.start : one.end]} [{number}]" for one in sentences(answer))
