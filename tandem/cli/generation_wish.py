"""What is asked for of `tandem eval sets generate`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GenerationWish:
    """Questions of a corpus, and who makes them."""

    name: str
    corpus: str
    questions: int
    recipe: str | None = None
    """Whose retrieval must find the way back; the champion by default."""
    model: str | None = None
    """The engine's base model by default."""
    model_address: str | None = None
    seed: int = 0
    description: str = ""
    ragas: bool = False
    """By Ragas's test-set generation, in place of Tandem's own."""
