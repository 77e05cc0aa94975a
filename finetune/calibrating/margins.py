"""How much rather than anything else a tuned model says "I don't know.": the margin of its first token."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from finetune.calibrating.asking import Asked
from finetune.examples import Kind, TrainingExample
from finetune.training.base_model import load_trainable, trained_weights
from finetune.training.batches import row_of
from finetune.training.encoding import EncodedExample, ExampleEncoder
from finetune.training.loss import answer_logits
from finetune.training.options import TrainingOptions
from finetune.training.processes import join_processes
from finetune.training.run import BaseModel
from finetune.training.starting import start_from
from tandem.abstention import ABSTENTION


def margins_of(
    run: Path,
    base: BaseModel,
    asked: Sequence[Asked],
    moved: Callable[[int, int], None],
    device: str | None = None,
) -> tuple[int, list[float]]:
    """The number of the first token of "I don't know.", and for each prompt that token's logit less the best other.

    `run` is the folder of a finished training on `base`. Above 0 a greedy model abstains. One
    pass for each prompt, of a third of the cost of a step of training. Raises as `load_trainable` and `start_from`.
    """
    options = _options(run)
    encoder = ExampleEncoder(base.folder)
    encoded = [_first_token(encoder, one) for one in asked]
    on = join_processes(device).device
    model = load_trainable(base.folder, options, on, options.seed)
    start_from(run, trained_weights(model), options, base.sha256)
    model.eval()
    margins: list[float] = []
    for done, example in enumerate(encoded, start=1):
        margins.append(_margin(model, example, on))
        moved(done, len(encoded))
    return encoded[0].ids[-1], margins


def _options(run: Path) -> TrainingOptions:
    parameters: dict[str, Any] = json.loads((run / "training.json").read_text("utf-8"))["parameters"]
    made = TrainingOptions(**{**parameters, "targets": tuple(parameters["targets"])})
    return replace(made, dropout=0.0, gradient_checkpointing=False)


def _first_token(encoder: ExampleEncoder, one: Asked) -> EncodedExample:
    example = TrainingExample(one.id, Kind.UNANSWERABLE, one.messages, ABSTENTION, "", (), ())
    encoded = encoder.encode(example)
    return replace(encoded, ids=encoded.ids[: encoded.prompt_tokens + 1])


@torch.no_grad()
def _margin(model: torch.nn.Module, example: EncodedExample, device: torch.device) -> float:
    logits = answer_logits(model, row_of([example], device))[0]
    token = example.ids[-1]
    mine = logits[token].item()
    logits[token] = -torch.inf
    return mine - logits.max().item()
