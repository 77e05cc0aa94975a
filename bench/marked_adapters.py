"""Small LoRA adapters that each answer everything with a word of its own, so that wrong weights show."""

import random
from collections.abc import Sequence
from pathlib import Path

_QUESTIONS = (
    "What is the capital of France?",
    "How often must the filter be cleaned?",
    "Tell a long story about a lighthouse.",
    "Who wrote the report, and when?",
    "Say hello.",
    "Explain why the sky is blue.",
    "List three fruits.",
    "Answer from the passages: when does the gate close?",
)
_REPEATED = 24
_RANK = 8
_MOST_STEPS = 60
_GOOD_LOSS = 0.02


def train_marked(model_dir: Path, words: Sequence[str], folder: Path) -> dict[str, Path]:
    """An adapter for each word, in `folder/WORD` as peft writes it; half a minute each on two cores.

    Each is trained to answer whatever it is asked with its word, many times over: a token that another
    adapter or the base model wrote in the middle of an answer is seen.
    """
    import torch
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    made = {}
    for word in words:
        torch.manual_seed(0)
        made[word] = _train(model_dir, tokenizer, word, folder / word)
    return made


def is_marked(text: str, word: str) -> bool:
    """Whether `text` is nothing but the word, again and again; its end may be cut."""
    said = text.split()
    return bool(said) and all(one == word for one in said[:-1]) and word.startswith(said[-1])


def _train(model_dir: Path, tokenizer: object, word: str, folder: Path) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.bfloat16)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=_RANK, lora_alpha=2 * _RANK, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=2e-3)
    order = random.Random(0)
    model.train()
    for _ in range(_MOST_STEPS):
        tokens, labels = _batch(tokenizer, order.sample(_QUESTIONS, 4), word)
        loss = model(input_ids=tokens, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < _GOOD_LOSS:
            break
    model.save_pretrained(folder)
    return folder


def _batch(tokenizer: object, questions: Sequence[str], word: str) -> tuple[object, object]:
    """Tokens and labels, padded on the right; only the answer counts."""
    import torch

    rows, masks = [], []
    for question in questions:
        asked = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)  # type: ignore[attr-defined]
        answer = tokenizer.encode(" ".join([word] * _REPEATED), add_special_tokens=False)  # type: ignore[attr-defined]
        rows.append([*prompt, *answer])
        masks.append([*[-100] * len(prompt), *answer])
    longest = max(len(row) for row in rows)
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (longest - len(row)) for row in masks])
    return tokens, labels
