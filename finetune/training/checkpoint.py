"""A checkpoint: one file of safetensors, replaced in one step, from which training goes on as if never interrupted.

It holds the adapter, both moments of AdamW for each weight, and the best adapter so far; what is no tensor stands in
the header. Order, learning rate and dropout follow from the seed and the step, so no generator's state is needed.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tandem.errors import InvalidRequestError
from tandem.models.disk import storage_errors

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(slots=True)
class Progress:
    """How far a training is."""

    made_of: dict[str, Any]
    """Base, data and parameters: a resumed training must have the same."""
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    training_seconds: float = 0.0
    """Without loading and validations."""
    best_step: int = 0
    best_loss: float | None = None
    stale: int = 0
    """Validations since the best."""
    curve: list[dict[str, float]] = field(default_factory=list)
    """Loss of each step."""
    validations: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(
    file: Path,
    progress: Progress,
    weights: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor],
) -> None:
    """Write a checkpoint under another name, bring it to disk, and rename it. Raises `StorageError`."""
    tensors: dict[str, Tensor] = {}
    for name, weight in weights.items():
        tensors[f"now/{name}"] = weight.detach().cpu().contiguous()
        for moment in _MOMENTS:
            if (kept := optimizer.state[weight].get(moment)) is not None:
                tensors[f"{moment}/{name}"] = kept.cpu().contiguous()
    tensors |= {f"best/{name}": weight.cpu().contiguous() for name, weight in best.items()}
    written = save(tensors, metadata={"progress": json.dumps(asdict(progress))})
    fresh = file.with_name(f".{file.name}.writing")
    with storage_errors(file.parent):
        try:
            with fresh.open("wb") as out:
                out.write(written)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(file)
        except OSError:
            fresh.unlink(missing_ok=True)  # a half must not fill the disk
            raise


def load_checkpoint(
    file: Path,
    made_of: dict[str, Any],
    weights: dict[str, torch.nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> tuple[Progress, dict[str, Tensor]]:
    """Put a checkpoint into `weights` and `optimizer`; returns how far it was, and the best adapter.

    Raises `InvalidRequestError` for a file that is none, or one of other data, base or parameters.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            progress = Progress(**json.loads(opened.metadata()["progress"]))
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # not a dict
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequestError(
            f"{file} is not a checkpoint: {error}", hint="Remove its folder and start again without --resume."
        ) from error
    _require_same(progress.made_of, json.loads(json.dumps(made_of)))
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(tensors[f"now/{name}"])
            if f"{_MOMENTS[0]}/{name}" in tensors:
                moments = {moment: tensors[f"{moment}/{name}"].to(weight.device) for moment in _MOMENTS}
                optimizer.state[weight] = {"step": torch.tensor(float(progress.step)), **moments}
    best = {name: tensors[f"best/{name}"] for name in weights if f"best/{name}" in tensors}
    return progress, best


def _require_same(then: dict[str, Any], now: dict[str, Any]) -> None:
    differing = sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))
    if differing:
        first = differing[0]
        raise InvalidRequestError(
            f"The training that was interrupted had other settings: {', '.join(differing)} "
            f"({first} was {then.get(first)!r}, is {now.get(first)!r})",
            hint="Resume with the same ones, or train into another folder.",
            param=first,
        )
