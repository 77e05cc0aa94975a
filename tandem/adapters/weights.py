"""The weights of an adapter: LoRA matrices of the ranks that its configuration says, and nothing else."""

import re
from pathlib import Path

import numpy as np

from tandem.adapters.peft_config import PeftConfig
from tandem.adapters.tensors import Tensor, read_tensors
from tandem.errors import InvalidRequestError

WEIGHTS = "adapter_model.safetensors"
_MOST_TENSORS = 50_000
_PREFIX = "base_model.model."
_PART = re.compile(
    r"(?P<module>[A-Za-z0-9_.]{1,300})\."
    r"(?P<part>lora_A\.weight|lora_B\.weight|lora_B\.bias|lora_embedding_A|lora_embedding_B"
    r"|lora_magnitude_vector(?:\.weight)?|base_layer\.weight)"
)
_KINDS = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
_BLOCK = 8 * 1024 * 1024
_HINT = "Train it again for this base; a file that was fetched may be torn or foreign."


def check_weights(file: Path, config: PeftConfig) -> dict[str, dict[str, Tensor]]:
    """The parts of each tuned module, by the module's name in the base and `A`, `B`, `magnitude`, ...

    Raises `InvalidRequestError`: for names that are none of LoRA, ranks and targets other than the
    configuration's, a half of a pair, or numbers that are not finite.
    """
    tensors = read_tensors(file)
    if not tensors or len(tensors) > _MOST_TENSORS:
        raise _wrong(f"has {len(tensors)} tensors; 1 to {_MOST_TENSORS} are allowed")
    modules: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in _KINDS:
            raise _wrong(f"has {name[:200]!r} as {tensor.dtype}; LoRA weights are F32, F16 or BF16")
        module, part = _placed(name, config)
        modules.setdefault(module, {})[part] = tensor
    for module, parts in modules.items():
        _check_module(module, parts, config)
    _check_finite(file, tensors)
    return modules


def unserved_parts(modules: dict[str, dict[str, Tensor]]) -> tuple[str, ...]:
    """What of the weights vLLM would pass over without a word."""
    copied = any("base_layer" in parts for parts in modules.values())
    return ("a copy of the embeddings (peft's save_embedding_layers=False leaves it out)",) if copied else ()


def check_shapes(modules: dict[str, dict[str, Tensor]], base: dict[str, Tensor], config: PeftConfig) -> None:
    """Raises `InvalidRequestError` where a module is not in the base, or has another shape there."""
    tails = {_tail(name): tensor for name, tensor in base.items()}
    for module, parts in modules.items():
        weight = f"{module}.weight"
        # A head that shares the weights of the embedding is not written.
        tied = "model.embed_tokens.weight" if module == "lm_head" else weight
        found = base.get(weight) or base.get(tied) or tails.get(_tail(weight))
        if found is None:
            raise _other_base(f"{module} is not there")
        if whole := parts.get("whole") or parts.get("base_layer"):
            there, wanted = whole.shape, found.shape
        elif "embedding_A" in parts:
            there, wanted = (parts["embedding_A"].shape[1], parts["embedding_B"].shape[0]), found.shape
        elif "B" not in parts:
            continue  # a bias of a module that is kept whole
        else:
            there, wanted = (parts["B"].shape[0], parts["A"].shape[1]), found.shape
            wanted = wanted[::-1] if config.content.get("fan_in_fan_out") else wanted
        if there != wanted:
            raise _other_base(f"{module} has the shape {_said(wanted)} there, {_said(there)} here")


def _placed(name: str, config: PeftConfig) -> tuple[str, str]:
    """Module and part of a tensor's name."""
    bare = name.removeprefix(_PREFIX)
    if match := _PART.fullmatch(bare):
        module, part = match["module"], match["part"].removesuffix(".weight").removeprefix("lora_")
        targets = config.targets
        if targets is not None and not any(module == one or module.endswith(f".{one}") for one in targets):
            raise _wrong(f"has weights for {module[:200]}, which its configuration does not name")
        return module, {"magnitude_vector": "magnitude"}.get(part, part)
    module, _, kind = bare.rpartition(".")
    # As peft has it: `norm` means every module whose name ends so.
    if config.whole_modules and module.endswith(config.whole_modules) and kind in ("weight", "bias"):
        return module, "whole" if kind == "weight" else "whole_bias"
    raise _wrong(f"has {name[:200]!r}, which is no weight of LoRA")


def _check_module(module: str, parts: dict[str, Tensor], config: PeftConfig) -> None:
    if "whole" in parts or "whole_bias" in parts:
        return
    a, b = parts.get("A") or parts.get("embedding_A"), parts.get("B") or parts.get("embedding_B")
    if a is None or b is None or len(a.shape) != 2 or len(b.shape) != 2:
        raise _wrong(f"has not both matrices, A and B, for {module}")
    rank = config.rank_of(module)
    if (a.shape[0], b.shape[1]) != (rank, rank):
        raise _wrong(
            f"has the ranks {a.shape[0]} and {b.shape[1]} for {module}, where its configuration says {rank}"
        )
    magnitude = parts.get("magnitude")
    if config.dora and magnitude is None:
        raise _wrong(f"has no magnitudes for {module}, though it says that it is DoRA")
    if magnitude is not None and not config.dora:
        raise _wrong(f"has magnitudes for {module}, though it does not say that it is DoRA")


def _check_finite(file: Path, tensors: dict[str, Tensor]) -> None:
    """One NaN makes every answer one."""
    with file.open("rb") as stream:
        for name, tensor in tensors.items():
            stream.seek(tensor.begin)
            left = tensor.size
            while left:
                block = stream.read(min(_BLOCK, left))
                left -= len(block)
                numbers = np.frombuffer(block, _KINDS[tensor.dtype])
                # bfloat16 has the exponent of float32: all ones mean infinite or no number.
                bad = (numbers & 0x7F80) == 0x7F80 if tensor.dtype == "BF16" else ~np.isfinite(numbers)
                if bad.any():
                    raise InvalidRequestError(
                        f"{WEIGHTS} has numbers that are not finite, in {name[:200]}",
                        hint="The training has diverged; lower its learning rate.",
                        param="folder",
                    )


def _tail(name: str) -> str:
    """From the list of layers on: what stands before differs between a checkpoint and the loaded model."""
    parts = name.split(".")
    number = next((place for place, part in enumerate(parts) if part.isdigit()), None)
    return name if not number else ".".join(parts[number - 1 :])


def _said(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _other_base(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"The adapter is of another base model: {what}", hint=_HINT, param="base")


def _wrong(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"{WEIGHTS} {what}", hint=_HINT, param="folder")
