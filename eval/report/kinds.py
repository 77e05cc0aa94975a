"""What a recipe is in the question "prompting, retrieval or training?"."""

from typing import Literal

Kind = Literal["base", "prompted", "rag", "tuned", "hybrid", "other"]


def kind_of(*, retrieves: bool, adapter: str | None, shows_how: bool) -> Kind:
    """The kind of an arm, by what it has.

    `shows_how` tells whether its prompt does more than ask: it has examples, or asks for steps. A trained arm
    without retrieval is `tuned` whatever its prompt says, since the training is what sets it apart.
    """
    if adapter is not None:
        return "hybrid" if retrieves else "tuned"
    if retrieves:
        return "rag"
    return "prompted" if shows_how else "base"
