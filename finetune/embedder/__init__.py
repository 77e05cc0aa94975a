"""Retriever tuning: an embedder that has learnt which chunks answer which questions, with proof that it is better."""

from finetune.embedder.options import TuningOptions
from finetune.embedder.pairs import Asked, Pair, pair_up
from finetune.embedder.questions import read_asked, read_set
from finetune.embedder.splitting import Split, split_pairs
from finetune.embedder.tuning import Tuned, tune

__all__ = [
    "Asked",
    "Pair",
    "Split",
    "Tuned",
    "TuningOptions",
    "pair_up",
    "read_asked",
    "read_set",
    "split_pairs",
    "tune",
]
