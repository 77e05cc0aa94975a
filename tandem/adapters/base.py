"""The base model of an adapter: by which hash it is known, and which shapes its modules have."""

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from tandem.adapters.tensors import Tensor, read_tensors
from tandem.errors import InvalidRequestError, ModelSourceError

KEPT = "tandem-base-hash.json"
"""Beside the weights: the hash, with sizes and times of the files that it was made of."""
_BLOCK = 4 * 1024 * 1024
_THREADS = min(4, os.cpu_count() or 1)


def base_hash(folder: Path) -> str:
    """SHA-256, in hex, over the weights of the model in `folder`: name, kind, shape and bytes of each tensor.

    How the tensors are spread over files does not matter, nor do tokenizer and settings. All bytes are read
    once (about a second for a GiB); the result is kept beside them, where that can be written. Raises
    `ModelSourceError` where there are no whole safetensors.
    """
    files = _weights(folder)
    made_of = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
    kept = _kept(folder / KEPT)
    if kept.get("files") == made_of and isinstance(kept.get("sha256"), str):
        return str(kept["sha256"])
    digest = _hash(files)
    _keep(folder / KEPT, {"files": made_of, "sha256": digest})
    return digest


def base_tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of the model in `folder`, by name; only headers are read. Raises as `base_hash`."""
    found: dict[str, Tensor] = {}
    for file in _weights(folder):
        found |= _tensors(file)
    return found


def _weights(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelSourceError(
            f"{folder} has no *.safetensors", hint="Name the folder of the base model, or what makes it."
        )
    return files


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(file)
    except (InvalidRequestError, OSError) as error:
        raise ModelSourceError(f"{file} cannot be read: {error}", hint="Fetch the model again.") from error


def _hash(files: list[Path]) -> str:
    with ThreadPoolExecutor(_THREADS) as pool:
        lines = [
            pool.submit(_line, file, name, tensor)
            for file in files
            for name, tensor in _tensors(file).items()
        ]
        return hashlib.sha256("".join(sorted(line.result() for line in lines)).encode()).hexdigest()


def _line(file: Path, name: str, tensor: Tensor) -> str:
    digest, left = hashlib.sha256(), tensor.size
    with file.open("rb") as stream:
        stream.seek(tensor.begin)
        while left and (block := stream.read(min(_BLOCK, left))):
            digest.update(block)
            left -= len(block)
    return json.dumps([name, tensor.dtype, tensor.shape, digest.hexdigest()]) + "\n"


def _kept(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _keep(file: Path, content: dict[str, Any]) -> None:
    # A model in a package or on a read-only disk is hashed each time.
    with suppress(OSError):
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        fresh.write_text(json.dumps(content) + "\n", encoding="utf-8")
        fresh.replace(file)
