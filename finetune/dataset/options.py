"""What a training set is made of."""

from dataclasses import dataclass
from typing import Literal

Style = Literal["span", "sentence", "label"]


@dataclass(frozen=True, slots=True)
class Options:
    """Shares are of all that is meant, in [0, 1)."""

    seed: int = 0
    unanswerable: float = 0.1
    """Of the examples with passages, those whose passages do not hold the answer (1 - P in RAFT, Zhang et al. 2024)."""
    closed: float = 0.1
    """Of all examples, those without passages, from which the recipe `tuned` answers."""
    copies: int = 1
    """Examples of one question, each with other passages around that which holds the answer."""
    validation: float = 0.1
    """Of the questions, about; whole documents go there."""
    missed: Literal["put", "drop"] = "put"
    """A passage that the retriever missed: put among the others at a random place, or the question dropped."""
    style: Style = "span"
    """The wanted answer: the reference to the letter, the whole sentence that it stands in, or a label alone."""
    least: int = 20
    """Fewest examples to learn from."""
