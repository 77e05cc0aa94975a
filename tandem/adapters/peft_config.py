"""What `adapter_config.json` may say, and what of it vLLM does not serve."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.errors import InvalidRequestError

CONFIG = "adapter_config.json"
MOST_RANK = 256
"""The highest that `engine.max_lora_rank` allows."""
_MOST_BYTES = 1024 * 1024
_MOST_NAMES = 4_096
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_CODE = ("auto_mapping", "auto_map", "trust_remote_code", "custom_modules", "megatron_config")
"""Keys by which a configuration names modules of Python that are then imported."""
_PLAIN_STARTS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
"""Ways to begin, of `init_lora_weights`, that leave the base as it is; vLLM serves no others."""


@dataclass(frozen=True, slots=True)
class PeftConfig:
    """A checked configuration of LoRA."""

    content: dict[str, Any]
    """All of it, as it is to be written again."""
    rank: int
    rank_pattern: dict[str, int]
    targets: tuple[str, ...] | None
    """Ends of the names of modules; `None` for a pattern, which is not trusted."""
    whole_modules: tuple[str, ...]
    """Modules that are kept whole beside the LoRA weights."""
    dora: bool
    unserved: tuple[str, ...]

    def rank_of(self, module: str) -> int:
        """The rank for one module, by the rule of peft: the first key that the module's name ends with."""
        for key, rank in self.rank_pattern.items():
            if module == key or module.endswith(f".{key}"):
                return rank
        return self.rank

    @property
    def highest_rank(self) -> int:
        """What vLLM compares with its limit."""
        return max([self.rank, *self.rank_pattern.values()])


def read_peft_config(file: Path) -> PeftConfig:
    """Raises `InvalidRequestError` for what is no LoRA, names code, or is out of bounds."""
    content = _read(file)
    _refuse_code(content)
    if content.get("target_parameters"):
        raise _wrong("tunes single parameters (target_parameters), which Tandem does not check")
    ranks = _patterns(content, "rank_pattern")
    _patterns(content, "alpha_pattern")
    for rank in [content.get("r"), *ranks.values()]:
        if type(rank) is not int or not 1 <= rank <= MOST_RANK:
            raise _wrong(f"has the rank {rank!r}; 1 to {MOST_RANK} can be served")
    alpha = content.get("lora_alpha")
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 < alpha < 1e6:
        raise _wrong(f"has the lora_alpha {str(alpha)[:40]}")
    targets = content.get("target_modules")
    return PeftConfig(
        content=content,
        rank=content["r"],
        rank_pattern=ranks,
        # Patterns, and what narrows them, can take for ever to match; the weights say what was tuned.
        targets=None if isinstance(targets, str) or _narrowed(content) else _names(targets, "target_modules"),
        whole_modules=_names(content.get("modules_to_save") or [], "modules_to_save"),
        dora=content.get("use_dora") is True,
        unserved=tuple(_unserved(content)),
    )


def _read(file: Path) -> dict[str, Any]:
    if file.stat().st_size > _MOST_BYTES:
        raise _wrong("is longer than 1 MiB")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _wrong("is not JSON") from error
    if not isinstance(content, dict) or content.get("peft_type") != "LORA":
        raise _wrong("is not that of a LoRA adapter (peft_type LORA)")
    return content


def _refuse_code(content: dict[str, Any]) -> None:
    for key in _CODE:
        if content.get(key):
            raise _wrong(f"names code of its own ({key})")
    if content.get("megatron_core") not in (None, "megatron.core"):
        raise _wrong("names code of its own (megatron_core)")


def _narrowed(content: dict[str, Any]) -> bool:
    return any(
        content.get(key) not in (None, [])
        for key in ("exclude_modules", "layers_to_transform", "layers_pattern")
    )


def _names(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise _wrong(f"has no list of names in {key}")
    for one in value:
        if not isinstance(one, str) or not _NAME.fullmatch(one):
            raise _wrong(f"has {str(one)[:80]!r} in {key}, which is not the name of a module")
    if not value and key == "target_modules":
        raise _wrong("names no target_modules")
    return tuple(value)


def _patterns(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key) or {}
    if not isinstance(value, dict) or len(value) > _MOST_NAMES:
        raise _wrong(f"has no names with numbers in {key}")
    for name, number in value.items():
        if not _NAME.fullmatch(name) or isinstance(number, bool) or not isinstance(number, int | float):
            raise _wrong(f"has {name[:80]!r} in {key}; names of modules with numbers are allowed there")
    return value


def _unserved(content: dict[str, Any]) -> list[str]:
    """What vLLM 0.32 refuses, `vllm/lora/peft_helper.py`."""
    start = content.get("init_lora_weights")
    whole = [one for one in content.get("modules_to_save") or [] if one not in ("classifier", "score")]
    found = {
        "DoRA (use_dora)": content.get("use_dora"),
        f"modules that are kept whole (modules_to_save: {', '.join(map(str, whole))})": whole,
        "biases (bias)": content.get("bias") not in (None, "none"),
        "biases (lora_bias)": content.get("lora_bias"),
        f"a start that changes the base (init_lora_weights: {start})": isinstance(start, str)
        and start.lower() not in _PLAIN_STARTS,
        "activated LoRA (alora_invocation_tokens)": content.get("alora_invocation_tokens"),
        "repeated layers (layer_replication)": content.get("layer_replication"),
        "block-diagonal LoRA (use_bdlora)": content.get("use_bdlora"),
        "QA-LoRA (use_qalora)": content.get("use_qalora"),
    }
    return [what for what, is_so in found.items() if is_so]


def _wrong(what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"{CONFIG} {what}", hint="Give a folder as peft's save_pretrained writes it for LoRA.", param="folder"
    )
