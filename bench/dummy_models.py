"""Models without weights of their own, and adapters of random ones: for figures of speed, which are the same."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_SPREAD = 0.01


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama's."""

    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int


SHAPES = {
    "llama-tiny": Shape(hidden=256, inner=512, layers=2, heads=4, kv_heads=2),
    "llama-8b": Shape(hidden=4_096, inner=14_336, layers=32, heads=32, kv_heads=8),
}
"""Those of vLLM's `--load-format dummy`, which makes weights up. The tiny one is to try the way without a GPU."""


def write_dummy(shape: Shape, tokenizer: Path, folder: Path) -> Path:
    """A folder that vLLM starts of: the shape's configuration, and tokenizer and vocabulary of `tokenizer`."""
    from transformers import AutoConfig, LlamaConfig

    known = AutoConfig.from_pretrained(tokenizer) if (tokenizer / "config.json").exists() else LlamaConfig()
    config = LlamaConfig(
        vocab_size=max(known.vocab_size, _vocabulary(tokenizer)),
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=8_192,
        bos_token_id=known.bos_token_id,
        eos_token_id=known.eos_token_id,
        tie_word_embeddings=False,
        dtype="bfloat16",
        architectures=["LlamaForCausalLM"],
    )
    config.save_pretrained(folder)
    for pattern in ("tokenizer*", "special_tokens_map.json", "chat_template*", "vocab.json", "merges.txt"):
        for file in tokenizer.glob(pattern):
            shutil.copy(file, folder)
    return folder


def parameters_of(model: Path) -> int:
    """Weights that a model of this configuration has."""
    return int(sum(weight.numel() for weight in _without_memory(model).parameters()))


def write_adapters(model: Path, count: int, rank: int, folder: Path) -> dict[str, Path]:
    """So many LoRA adapters of all linear layers, as peft writes them, by name; no weight is zero, so all compute."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(_TARGETS), task_type="CAUSAL_LM")
    with torch.device("meta"):
        tuned = get_peft_model(_without_memory(model), config)
    shapes = get_peft_model_state_dict(tuned, save_embedding_layers=False)
    made = {}
    for number in range(count):
        drawn = torch.Generator().manual_seed(number)
        weights = {
            name: (torch.randn(weight.shape, generator=drawn) * _SPREAD).to(torch.bfloat16)
            for name, weight in shapes.items()
        }
        place = folder / f"adapter-{number}"
        config.save_pretrained(place)
        save_file(weights, place / "adapter_model.safetensors", metadata={"format": "pt"})
        made[place.name] = place
    return made


def _without_memory(model: Path) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(model))


def _vocabulary(tokenizer: Path) -> int:
    """Tokens that the tokenizer may name."""
    told = json.loads((tokenizer / "tokenizer.json").read_text("utf-8"))
    ids = [*told["model"]["vocab"].values(), *(one["id"] for one in told.get("added_tokens", []))]
    return int(max(ids)) + 1
