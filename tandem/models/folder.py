"""What a model folder must hold, and what it must not: nothing in it may run as code."""

import json
from pathlib import Path
from typing import Any

from tandem.errors import ModelSourceError

_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def check_folder(folder: Path) -> None:
    """Accept a folder with `config.json` and whole safetensors; refuse code in disguise.

    Unpickling weights runs code, and so do `auto_map` and foreign modules: they name Python files that
    come with the model. Raises `ModelSourceError`.
    """
    config = read_json(folder / "config.json")
    if config is None:
        raise ModelSourceError(
            f"{folder} has no config.json",
            hint="Give a folder as `save_pretrained` writes it, with safetensors.",
        )
    _refuse_code(folder)
    if not any(folder.glob("*.safetensors")):
        pickled = any(file.suffix in _PICKLES for file in folder.iterdir())
        reason = "only pickled weights, which run code when they are read" if pickled else "no *.safetensors"
        raise ModelSourceError(f"{folder} has {reason}", hint="Convert the model to safetensors.")
    _require_shards(folder)


def read_json(file: Path) -> dict[str, Any] | None:
    """The object in a JSON file, `None` where there is no file; `ModelSourceError` for anything else."""
    value = _load(file)
    if value is not None and not isinstance(value, dict):
        raise ModelSourceError(f"{file} does not hold a JSON object")
    return value


def read_modules(folder: Path) -> list[dict[str, Any]]:
    """The steps of a sentence-transformers folder, empty where it names none."""
    value = _load(folder / "modules.json")
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(step, dict) for step in value):
        raise ModelSourceError(f"{folder / 'modules.json'} does not hold a list of modules")
    return value


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        raise ModelSourceError(f"{file} cannot be read: {error}") from error


def _refuse_code(folder: Path) -> None:
    hint = "Tandem runs no code that comes with a model; choose one that transformers knows by itself."
    for file in sorted(folder.rglob("*config.json")):
        settings = _load(file)
        # Some models carry lists under such a name; only an object can map a class to code.
        if isinstance(settings, dict) and "auto_map" in settings:
            raise ModelSourceError(f"{file} names code of its own (auto_map)", hint=hint)
    for step in read_modules(folder):
        kind = str(step.get("type", ""))
        if not kind.startswith("sentence_transformers."):
            raise ModelSourceError(f"{folder / 'modules.json'} names code of its own ({kind})", hint=hint)


def _require_shards(folder: Path) -> None:
    """Every part that the list of parts names must be there, or loading fails much later."""
    listing = read_json(folder / "model.safetensors.index.json") or {}
    missing = sorted(
        {part for part in listing.get("weight_map", {}).values() if not (folder / part).is_file()}
    )
    if missing:
        raise ModelSourceError(
            f"{folder} lacks {len(missing)} of its weight files, {missing[0]} among them",
            hint="Fetch the model again.",
        )
