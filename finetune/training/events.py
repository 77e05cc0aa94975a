"""What a training tells of itself while it runs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the user should know, and that does not stop the training."""

    message: str


@dataclass(frozen=True, slots=True)
class Started:
    """All is loaded."""

    step: int
    """Steps that are done: above 0 for a training that is resumed."""
    steps: int
    examples: int
    validation_examples: int
    tokens: int
    """Tokens of one epoch, prompts included."""
    trained: int
    """Weights that are trained."""
    device: str
    processes: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step of the optimiser is done."""

    step: int
    steps: int
    epoch: float
    loss: float
    """Mean over the step's answer tokens."""
    lr: float
    tokens: int
    """Tokens seen so far, prompts included."""
    tokens_per_s: float
    """Since the start or the resumption, validations left out."""
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Validated:
    """The validation set was gone through; `step` 0 is the untrained model."""

    step: int
    loss: float
    token_accuracy: float
    """Share of answer tokens that come first at their place, given the right ones before them."""
    best: bool


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint is on disk: whatever happens, training goes on from here."""

    step: int


Event = Warned | Started | Stepped | Validated | Saved
