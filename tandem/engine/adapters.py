"""LoRA adapters of the settings: looked at before vLLM is, because vLLM dies of a bad one."""

import json
from pathlib import Path

from tandem.errors import SettingsError
from tandem.settings import EngineSettings

_CONFIG = "adapter_config.json"


def check_adapters(settings: EngineSettings) -> None:
    """Raises `SettingsError` for an adapter that vLLM would refuse at its start, by name."""
    for name, folder in settings.adapters.items():
        if name == settings.served_name:
            raise _wrong(name, "has the name of the base model", "Give it another name.")
        rank = _rank(name, folder)
        if rank > settings.max_lora_rank:
            raise _wrong(
                name, f"has rank {rank}, over {settings.max_lora_rank}", "Raise engine.max_lora_rank."
            )


def lora_module(name: str, folder: Path) -> str:
    """The adapter as one value of vLLM's `--lora-modules`; JSON, because a path may hold `=` or a comma."""
    return json.dumps({"name": name, "path": str(folder.absolute())})


def _rank(name: str, folder: Path) -> int:
    hint = f"Name a folder that peft's save_pretrained wrote, with {_CONFIG} and safetensors."
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(name, f"cannot be read: {folder / _CONFIG}: {error.strerror}", hint) from error
    except ValueError as error:
        raise _wrong(name, f"cannot be read: {folder / _CONFIG} is not JSON", hint) from error
    rank = config.get("r") if isinstance(config, dict) else None
    if not isinstance(rank, int):
        raise _wrong(name, f"cannot be read: {folder / _CONFIG} names no rank `r`", hint)
    return rank


def _wrong(name: str, what: str, hint: str) -> SettingsError:
    return SettingsError(f"The adapter {name!r} {what}", param="engine.adapters", hint=hint)
