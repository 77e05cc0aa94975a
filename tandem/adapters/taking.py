"""Taking the files of an adapter over: known names, plain files, bounded, hashed while they are copied."""

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tandem.adapters.peft_config import CONFIG, PeftConfig, read_peft_config
from tandem.adapters.tensors import Tensor
from tandem.adapters.training_questions import MOST_BYTES, QUESTIONS, read_training_questions
from tandem.adapters.weights import WEIGHTS, check_shapes, check_weights, unserved_parts
from tandem.errors import InvalidRequestError
from tandem.models.disk import require_space

TRAINING, CURVE = "training.json", "curve.png"
_MIB = 1024 * 1024
_NEEDED = (CONFIG, WEIGHTS)
_BOUNDS = {CONFIG: _MIB, TRAINING: 16 * _MIB, CURVE: 16 * _MIB, QUESTIONS: MOST_BYTES}
"""Bytes; the weights are bounded by the free disk."""
_CODE = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".py", ".pyc", ".so")
_PNG = b"\x89PNG\r\n\x1a\n"
_BLOCK = 4 * _MIB


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken over."""

    rank: int
    """The highest of all modules."""
    unserved: tuple[str, ...]
    """Why vLLM does not serve it as an adapter."""


def take_over(folder: Path, goal: Path, base: str, tensors: dict[str, Tensor] | None = None) -> Taken:
    """Copy an adapter from `folder` into the empty `goal`, then check the copy.

    `base` is the source of the base model, which the configuration is made to name; `tensors` are those of
    the base, where it is at hand. Other files than weights, configuration, `training.json`, `curve.png` and
    `questions.npz` stay behind. Raises `InvalidRequestError` for what is unsafe or no LoRA adapter, `StorageError` where the
    disk is too small.
    """
    names = _names(folder)
    size = sum(_plain(folder / name).st_size for name in names)
    require_space(goal, size)
    for name in names:
        _copy(folder / name, goal / name)
    config = read_peft_config(goal / CONFIG)
    modules = check_weights(goal / WEIGHTS, config)
    if tensors is not None:
        check_shapes(modules, tensors, config)
    _write_config(goal / CONFIG, config, base, modules)
    _check_extras(goal)
    return Taken(config.highest_rank, config.unserved + unserved_parts(modules))


def sha256_and_size(file: Path) -> tuple[str, int]:
    """SHA-256, in hex, and bytes of a file."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def _names(folder: Path) -> list[str]:
    try:
        found = sorted(one.name for one in folder.iterdir())
    except OSError as error:
        raise InvalidRequestError(
            f"{folder} cannot be read: {error.strerror}",
            hint="Name the folder of an adapter.",
            param="folder",
        ) from error
    for name in found:
        if name.lower().endswith(_CODE):
            raise InvalidRequestError(
                f"{folder / name} may hold code: a pickle, or Python",
                hint="Leave safetensors only: model.save_pretrained(folder) of peft writes them.",
                param="folder",
            )
    for name in _NEEDED:
        if name not in found:
            raise InvalidRequestError(
                f"{folder} has no {name}",
                hint="Give a folder as peft's save_pretrained writes it.",
                param="folder",
            )
    return [name for name in (*_NEEDED, TRAINING, CURVE, QUESTIONS) if name in found]


def _plain(file: Path) -> os.stat_result:
    found = file.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise InvalidRequestError(
            f"{file} is a link, or no file", hint="Copy the adapter with its files.", param="folder"
        )
    if found.st_size > _BOUNDS.get(file.name, found.st_size):
        raise InvalidRequestError(
            f"{file} has {found.st_size // _MIB} MiB, over {_BOUNDS[file.name] // _MIB}", param="folder"
        )
    return found


def _copy(source: Path, goal: Path) -> None:
    """Never more bytes than were there when the space was looked at."""
    left = _plain(source).st_size
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        raise InvalidRequestError(f"{source} cannot be read: {error.strerror}", param="folder") from error
    with os.fdopen(descriptor, "rb") as stream, goal.open("xb") as out:
        while left and (block := stream.read(min(_BLOCK, left))):
            out.write(block)
            left -= len(block)
        out.flush()
        os.fsync(out.fileno())


def _write_config(file: Path, config: PeftConfig, base: str, modules: dict[str, dict[str, Tensor]]) -> None:
    """The base as it is registered, not as the maker's machine called it; patterns as names."""
    content = config.content | {"base_model_name_or_path": base, "revision": None}
    if config.targets is None:
        tuned = sorted(module for module, parts in modules.items() if "whole" not in parts)
        content |= {"target_modules": tuned, "exclude_modules": None}
        content |= {"layers_to_transform": None, "layers_pattern": None}
    file.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _check_extras(goal: Path) -> None:
    training, curve = goal / TRAINING, goal / CURVE
    if training.exists():
        try:
            whole = isinstance(json.loads(training.read_text(encoding="utf-8")), dict)
        except (ValueError, RecursionError):
            whole = False
        if not whole:
            raise InvalidRequestError(f"{TRAINING} is not a JSON object", param="folder")
    if curve.exists() and not curve.read_bytes().startswith(_PNG):
        raise InvalidRequestError(f"{CURVE} is not a PNG picture", param="folder")
    read_training_questions(goal)
