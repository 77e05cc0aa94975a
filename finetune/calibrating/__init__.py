"""Calibrating an adapter: how readily it is to say "I don't know", after what questions of documents it never saw bring."""

from finetune.calibrating.asking import Asked, Served, ask_twice
from finetune.calibrating.fitting import Calibrated, Weighed, calibrate
from finetune.calibrating.margins import margins_of
from finetune.calibrating.noting import note, require_trained

__all__ = [
    "Asked",
    "Calibrated",
    "Served",
    "Weighed",
    "ask_twice",
    "calibrate",
    "margins_of",
    "note",
    "require_trained",
]
