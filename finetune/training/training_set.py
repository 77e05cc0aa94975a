"""A training set as it lies on disk: two files of examples, and its card with the hash of both."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from finetune.examples import TrainingExample, read_examples
from tandem.errors import InvalidRequestError, NotFoundError

LEAST = 16
"""Examples without which a training only repeats them."""
_HINT = "Make a set with `tandem finetune dataset`."


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What is learned from, and what tells whether it helps."""

    training: tuple[TrainingExample, ...]
    validation: tuple[TrainingExample, ...]
    data_hash: str


def read_training_set(folder: Path) -> TrainingSet:
    """Read a set. Raises `NotFoundError` without one, `InvalidRequestError` for one that is damaged or too small."""
    if not folder.is_dir():
        raise NotFoundError(f"There is no training set {folder}", hint=_HINT, param="set")
    training = tuple(read_examples(folder / "train.jsonl"))
    validation = tuple(read_examples(folder / "validation.jsonl"))
    require_enough(len(training), len(validation))
    return TrainingSet(training, validation, _data_hash(folder))


def require_enough(training: int, validation: int) -> None:
    """Raise `InvalidRequestError` for too few examples."""
    if training < LEAST:
        raise InvalidRequestError(
            f"{training} examples to train on are too few: at least {LEAST} are needed, a few hundred are good",
            hint="Make a larger set with `tandem finetune dataset`.",
            param="set",
        )
    if not validation:
        raise InvalidRequestError(
            "The set has no example to validate with, so nothing tells when to stop",
            hint="Make a set with documents for validation.",
            param="set",
        )


def _data_hash(folder: Path) -> str:
    """As the card says it; SHA-256 over both files for a set that was made by hand."""
    card = folder / "card.json"
    try:
        said = json.loads(card.read_text("utf-8")).get("data_hash") if card.is_file() else None
    except (ValueError, AttributeError) as error:
        raise InvalidRequestError(f"{card} is no card of a training set", hint=_HINT) from error
    if isinstance(said, str) and said:
        return said
    digest = hashlib.sha256()
    for name in ("train.jsonl", "validation.jsonl"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()
