"""Which examples a step learns from, and how they go through the model.

Everything here follows from the seed and the number of the step, so a training that is resumed sees what one that was
never interrupted sees, on any number of processes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from finetune.training.encoding import EncodedExample


@dataclass(frozen=True, slots=True)
class Row:
    """Examples one after the other, without padding; none sees another, because places start at 0 with each."""

    ids: Tensor
    """(1, tokens)"""
    places: Tensor
    """(1, tokens): each token's place in its own example."""
    predicting: Tensor
    """(answer tokens,): where in the row each answer token is predicted from, one before its own place."""
    answers: Tensor
    """(answer tokens,): what is to be predicted there."""


def steps_in_epoch(examples: int, batch_size: int) -> int:
    """Steps until each example was seen; the last may be smaller."""
    return math.ceil(examples / batch_size)


def examples_of_step(
    examples: Sequence[EncodedExample], step: int, batch_size: int, seed: int
) -> list[EncodedExample]:
    """What step `step`, counted from 0, learns from: each epoch has an order of its own."""
    epoch, part = divmod(step, steps_in_epoch(len(examples), batch_size))
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order = torch.randperm(len(examples), generator=generator).tolist()
    return [examples[place] for place in order[part * batch_size : (part + 1) * batch_size]]


def share_of(examples: Sequence[EncodedExample], process: int, processes: int) -> list[EncodedExample]:
    """What one process takes: every n-th by length, so that none waits long for another."""
    return sorted(examples, key=lambda example: (-len(example.ids), example.id))[process::processes]


def packed(examples: Sequence[EncodedExample], batch_tokens: int) -> list[list[EncodedExample]]:
    """Examples that go through the model together: at most `batch_tokens`, but at least one. First fit, longest first."""
    packs: list[list[EncodedExample]] = []
    room: list[int] = []
    for example in sorted(examples, key=lambda example: -len(example.ids)):
        size = len(example.ids)
        place = next((place for place, left in enumerate(room) if size <= left), None)
        if place is None:
            packs.append([example])
            room.append(batch_tokens - size)
        else:
            packs[place].append(example)
            room[place] -= size
    return packs


def row_of(examples: Sequence[EncodedExample], device: torch.device) -> Row:
    """One pass through the model."""
    ids: list[int] = []
    places: list[int] = []
    predicting: list[int] = []
    answers: list[int] = []
    for example in examples:
        first = len(ids) + example.prompt_tokens
        ids += example.ids
        places += range(len(example.ids))
        predicting += range(first - 1, len(ids) - 1)
        answers += example.ids[example.prompt_tokens :]
    return Row(
        torch.tensor([ids], device=device),
        torch.tensor([places], device=device),
        torch.tensor(predicting, device=device),
        torch.tensor(answers, device=device),
    )
