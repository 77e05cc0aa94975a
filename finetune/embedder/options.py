"""How an embedder is tuned."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tandem.errors import InvalidRequestError

_BOUNDS: tuple[tuple[str, float, float], ...] = (
    ("epochs", 1, 100),
    ("lr", 1e-8, 1),
    ("batch_size", 2, 4_096),
    ("mini_batch", 1, 1_024),
    ("hard", 1, 16),
    ("margin", 0.1, 1),
    ("temperature", 1e-3, 1),
    ("validation_share", 0.05, 0.5),
    ("least", 2, 1_000_000),
    ("haystack", 10, 1_000_000),
    ("patience", 1, 100),
)


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """Settings of one tuning; the defaults are customary values, chosen by no experiment."""

    epochs: int = 4
    lr: float = 5e-5
    """Highest learning rate: it rises over the first tenth of the steps, then falls to 0 in a straight line."""
    batch_size: int = 32
    """Questions in a step. Each one's chunks are wrong for all others, so more of them teach more."""
    mini_batch: int = 16
    """Texts in one forward pass: what bounds memory, and changes no result."""
    negatives: Literal["mined", "in-batch"] = "mined"
    hard: int = 1
    """Mined negatives of a question."""
    same_document: bool = True
    """Mine in the document that holds the answer, too."""
    margin: float = 0.95
    """A mined negative is at most so many times as near to its question as the right chunk is."""
    matryoshka: tuple[int, ...] = ()
    """Lengths to which a vector may be cut; none trains the whole vector alone."""
    temperature: float = 0.05
    """By which similarities are divided in the loss."""
    mix: tuple[float, ...] = (0.3, 0.5, 0.7)
    """Shares of the tuned weights, the rest of the base's, that are tried beside 1; none tries no mixture."""
    precision: Literal["auto", "fp32"] = "auto"
    """`auto` multiplies matrices in bf16 where the processor or GPU does; weights and loss are fp32 in any case."""
    validation_share: float = 0.2
    least: int = 16
    """Fewest pairs to train on."""
    haystack: int = 1_000
    """Chunks among which validation searches, those of its own documents first."""
    patience: int = 2
    """Epochs without a better figure after which training stops."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in _BOUNDS:
            self._within(name, low, high)
        if any(not 0 < share <= 1 for share in self.mix):
            raise InvalidRequestError("A share of the tuned weights is above 0 and at most 1", param="mix")
        if any(size < 1 for size in self.matryoshka):
            raise InvalidRequestError("A vector is cut to at least 1 number", param="matryoshka")

    def _within(self, name: str, low: float, high: float) -> None:
        if not low <= getattr(self, name) <= high:
            flag = name.replace("_", "-")
            raise InvalidRequestError(f"--{flag} is between {low:g} and {high:g}", param=name)

    def as_parameters(self) -> dict[str, Any]:
        """For the facts of a version."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


def numbers(text: str, flag: str) -> tuple[float, ...]:
    """The numbers between commas. Raises `InvalidRequestError`."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise InvalidRequestError(
            f"--{flag} is numbers with commas between them, not {text!r}", param=flag
        ) from error
