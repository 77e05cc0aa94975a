"""The loss: cross-entropy of the answer's tokens, with logits computed for these alone.

An answer is a twentieth of its prompt, and the output layer of a small model with a large vocabulary is a fifth of its
weights; transformers leaves out what is not asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from finetune.training.batches import Row


@dataclass(frozen=True, slots=True)
class Score:
    """Sums over answer tokens."""

    loss: float
    right: int
    tokens: int


def answer_logits(model: torch.nn.Module, row: Row) -> Tensor:
    """(answer tokens, vocabulary), in fp32: what the model thinks of each place where an answer token follows."""
    output = model(
        input_ids=row.ids, position_ids=row.places, logits_to_keep=row.predicting, use_cache=False
    )
    logits: Tensor = output.logits[0].float()
    return logits


def answer_loss(model: torch.nn.Module, row: Row) -> Tensor:
    """Sum over the row's answer tokens: with several rows in a step, the mean is over all of them."""
    return cross_entropy(answer_logits(model, row), row.answers, reduction="sum")


@torch.no_grad()
def score(model: torch.nn.Module, rows: Iterable[Row]) -> Score:
    """What the model, as it is, makes of the answers."""
    model.eval()
    loss, right, tokens = 0.0, 0, 0
    for row in rows:
        logits = answer_logits(model, row)
        loss += cross_entropy(logits, row.answers, reduction="sum").item()
        right += int((logits.argmax(-1) == row.answers).sum().item())
        tokens += len(row.answers)
    model.train()
    return Score(loss, right, tokens)
