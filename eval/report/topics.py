"""Headings of the recommendation."""

from collections.abc import Mapping

from eval.comparison import Comparison, Sentence, Topic

TOPICS: Mapping[Topic, str] = {
    "choice": "Which arm to serve",
    "parts": "What each part brings",
    "cost": "What it costs",
    "unknown": "When there is no answer",
    "slices": "Where arms differ",
    "next": "What to do next",
    "limits": "What to keep in mind",
}
"""In this order."""


def by_topic(comparison: Comparison) -> list[tuple[Topic, list[Sentence]]]:
    """The sentences of each topic that has any."""
    said = {topic: [one for one in comparison.recommendation if one.topic == topic] for topic in TOPICS}
    return [(topic, sentences) for topic, sentences in said.items() if sentences]
