"""Tiny Llamas with random weights and adapters on them, as transformers and peft write them."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from tandem.adapters import AdapterFacts
from tandem.adapters.base import base_hash


def tiny_base(
    folder: Path,
    *,
    seed: int = 0,
    hidden: int = 32,
    layers: int = 2,
    dtype: torch.dtype = torch.float32,
    **options: Any,
) -> Path:
    """A model folder; options are those of `save_pretrained`."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=hidden,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).to(dtype).save_pretrained(folder, **options)
    return folder


def tiny_adapter(base: Path, folder: Path, *, seed: int = 1, **options: Any) -> Path:
    """An adapter whose weights change what is said; options are those of `LoraConfig`."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM.from_pretrained(base)
    tuned = get_peft_model(
        model,
        LoraConfig(
            **{"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}
            | options
        ),
    )
    for name, weights in tuned.named_parameters():
        if "lora_B" in name or "lora_embedding_B" in name:
            torch.nn.init.normal_(weights, std=0.5)
    tuned.save_pretrained(folder)
    return folder


def facts_of(base: Path, /, **said: Any) -> AdapterFacts:
    return AdapterFacts(**{"base": "pypi:tiny", "base_hash": base_hash(base), "data_hash": "d" * 64} | said)
