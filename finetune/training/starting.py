"""Starting a training from an adapter that there is, in place of weights drawn at random."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from finetune.training.options import TrainingOptions
from tandem.adapters.peft_config import CONFIG, read_peft_config
from tandem.adapters.taking import TRAINING
from tandem.adapters.weights import WEIGHTS
from tandem.errors import InvalidRequestError

_PART = ".default."
"""What peft puts into the names of an adapter's weights while it is in a model, and leaves out on disk."""


def start_from(
    folder: Path, weights: Mapping[str, torch.nn.Parameter], options: TrainingOptions, base_hash: str
) -> str:
    """Copy the adapter in `folder` into `weights`; returns the SHA-256 of its file.

    Raises `InvalidRequestError` for a folder that holds none, or one of another base than that of `base_hash`, of
    another rank, scale or other layers.
    """
    _require_same_base(folder, base_hash)
    file = folder / WEIGHTS
    try:
        config = read_peft_config(folder / CONFIG)
        there = load_file(file)
        digest = sha256(file.read_bytes()).hexdigest()
    except (OSError, SafetensorError) as error:
        raise InvalidRequestError(
            f"{folder} holds no adapter to start from: {error}",
            param="start",
            hint="Name the folder of a training, as --out of `tandem finetune train` made it.",
        ) from error
    _require_same_scale(config.content, options)
    names = {name: name.replace(_PART, ".") for name in weights}
    same = set(names.values()) == there.keys() and all(
        weight.shape == there[names[name]].shape for name, weight in weights.items()
    )
    if not same:
        raise InvalidRequestError(
            f"The adapter in {folder} has other layers, or another rank, than the one that is to be trained",
            param="start",
            hint="Give --rank and --targets as its training had them: they stand in its training.json.",
        )
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(there[names[name]])
    return digest


def seconds_until(folder: Path) -> float:
    """What the training in `folder`, and those that it went on from, took; 0 where it does not say.

    Raises `InvalidRequestError` for a `training.json` that cannot be read.
    """
    said = _training(folder)
    return sum(
        float(said[name]) for name in ("seconds", "seconds_before") if isinstance(said.get(name), int | float)
    )


def _training(folder: Path) -> dict[str, Any]:
    file = folder / TRAINING
    try:
        said = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{file} cannot be read: {error}", param="start") from error
    if not isinstance(said, dict):
        raise InvalidRequestError(f"{file} cannot be read: it is not a JSON object", param="start")
    return said


def _require_same_base(folder: Path, base_hash: str) -> None:
    said = _training(folder).get("base_hash")
    if said is not None and said != base_hash:
        raise InvalidRequestError(
            f"The adapter in {folder} is of another base model: one with the hash {str(said)[:12]}",
            param="start",
            hint="Name the base that it was trained on with --base.",
        )


def _require_same_scale(config: Mapping[str, object], options: TrainingOptions) -> None:
    wanted = {
        "lora_alpha": options.scale_alpha,
        "use_dora": options.dora,
        "use_rslora": options.rslora,
    }
    for name, value in wanted.items():
        if config.get(name, False) != value:
            raise InvalidRequestError(
                f"The adapter to start from has {name} {config.get(name)!r}, and {value!r} is asked for",
                param="start",
                hint="Give the same options as its training had: they stand in its training.json.",
            )
