"""LoRA training: from a training set and a base model to a folder with an adapter and how it was made."""

from finetune.training.events import Event, Saved, Started, Stepped, Validated, Warned
from finetune.training.options import TrainingOptions
from finetune.training.run import BaseModel, train, unfinished_folder

__all__ = [
    "BaseModel",
    "Event",
    "Saved",
    "Started",
    "Stepped",
    "TrainingOptions",
    "Validated",
    "Warned",
    "train",
    "unfinished_folder",
]
