"""A base model of the default's kind and tokenizer, with random weights so few that a step takes milliseconds."""

import json
import random
import shutil
from pathlib import Path

import torch
from model_tokens import tokenizer_folder
from transformers import LlamaConfig, LlamaForCausalLM

from finetune.examples import Kind, TrainingExample, write_examples

_WORDS = [
    "tank",
    "litre",
    "pump",
    "water",
    "valve",
    "seal",
    "winter",
    "frost",
    "pipe",
    "meter",
    "heat",
    "oil",
    "filter",
    "gauge",
    "steel",
    "copper",
]


def make_tiny_base(folder: Path) -> Path:
    """Six heads in two groups, three layers."""
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    for file in tokenizer_folder().iterdir():
        shutil.copy(file, folder)
    return folder


def tiny_example(number: int) -> TrainingExample:
    """A question over some words, of a length of its own."""
    random_words = random.Random(number)
    passage = " ".join(random_words.choices(_WORDS, k=random_words.randrange(5, 60)))
    answer = " ".join(random_words.choices(_WORDS, k=random_words.randrange(1, 6)))
    messages = ({"role": "system", "content": "Answer."}, {"role": "user", "content": f"{passage}\n\nWhat?"})
    return TrainingExample(f"e{number}", Kind.GROUNDED, messages, answer, "What?", (answer,), (f"d{number}",))


def make_tiny_set(folder: Path, training: int = 20, validation: int = 5) -> Path:
    """A training set as `tandem finetune dataset` leaves it."""
    folder.mkdir()
    write_examples(folder / "train.jsonl", map(tiny_example, range(training)))
    write_examples(folder / "validation.jsonl", map(tiny_example, range(1000, 1000 + validation)))
    (folder / "card.json").write_text(json.dumps({"data_hash": "ab" * 32}))
    return folder
