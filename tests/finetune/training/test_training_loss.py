"""The quick way to the loss has the mathematics of the plain one."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny_base import tiny_example
from transformers import AutoModelForCausalLM

from finetune.training import BaseModel, TrainingOptions
from finetune.training.base_model import load_trainable, trained_weights
from finetune.training.batches import packed, row_of
from finetune.training.encoding import EncodedExample, ExampleEncoder
from finetune.training.loss import answer_loss, score

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def examples(tiny: BaseModel) -> list[EncodedExample]:
    encoder = ExampleEncoder(tiny.folder)
    return [encoder.encode(tiny_example(number)) for number in range(6)]


def _shake(model: torch.nn.Module) -> None:
    """An untrained adapter changes nothing, and half of its gradients are 0."""
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for weight in trained_weights(model).values():
            weight.copy_(0.3 * torch.randn(weight.shape, generator=generator))


def _assert_near(found: torch.Tensor | None, wanted: torch.Tensor) -> None:
    """But for the rounding of fp32, which is larger than a small element of a large gradient."""
    assert found is not None
    assert (found - wanted).norm() < 1e-4 * wanted.norm()


def _plain(folder: Path, examples: list[EncodedExample], rank: int) -> tuple[float, dict[str, torch.Tensor]]:
    """peft and transformers as anybody uses them: a padded batch, all logits, labels of -100 before the answer."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    _shake(model)
    longest = max(len(example.ids) for example in examples)
    ids, labels, mask = [], [], []
    for example in examples:
        padding = longest - len(example.ids)
        ids.append([*example.ids, *[2] * padding])
        mask.append([1] * len(example.ids) + [0] * padding)
        answer = example.ids[example.prompt_tokens :]
        labels.append([-100] * example.prompt_tokens + list(answer) + [-100] * padding)
    output = model(
        input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask), labels=torch.tensor(labels)
    )
    output.loss.backward()
    return output.loss.item(), {name: weight.grad for name, weight in trained_weights(model).items()}


@pytest.mark.parametrize("checkpointing", [False, True])
def test_loss_and_gradients_are_those_of_the_plain_loss(
    tiny: BaseModel, examples: list[EncodedExample], *, checkpointing: bool
) -> None:
    wanted, wanted_gradients = _plain(tiny.folder, examples, 8)
    options = TrainingOptions(rank=8, dtype="fp32", gradient_checkpointing=checkpointing)
    model = load_trainable(tiny.folder, options, CPU, 0)
    _shake(model)
    answers = sum(example.answer_tokens for example in examples)
    found = 0.0
    for pack in packed(examples, 0):
        loss = answer_loss(model, row_of(pack, CPU)) / answers
        loss.backward()
        found += loss.item()
    assert found == pytest.approx(wanted, rel=1e-5)
    weights = trained_weights(model)
    assert weights.keys() == wanted_gradients.keys()
    for name, weight in weights.items():
        _assert_near(weight.grad, wanted_gradients[name])


def test_examples_in_one_row_do_not_see_each_other(tiny: BaseModel, examples: list[EncodedExample]) -> None:
    """As a GPU trains them: packed, with places that start anew."""
    wanted, wanted_gradients = _plain(tiny.folder, examples, 8)
    model = load_trainable(tiny.folder, TrainingOptions(rank=8, dtype="fp32"), CPU, 0)
    model.base_model.model.set_attn_implementation("sdpa")
    _shake(model)
    loss = answer_loss(model, row_of(examples, CPU)) / sum(example.answer_tokens for example in examples)
    loss.backward()
    assert loss.item() == pytest.approx(wanted, rel=1e-5)
    for name, weight in trained_weights(model).items():
        _assert_near(weight.grad, wanted_gradients[name])


def test_a_score_counts_right_tokens(tiny: BaseModel, examples: list[EncodedExample]) -> None:
    model = load_trainable(tiny.folder, TrainingOptions(rank=8, dtype="fp32"), CPU, 0)
    row = row_of(examples[:1], CPU)
    with torch.no_grad():
        foreseen = model(input_ids=row.ids).logits[0].argmax(-1)
    right = sum(foreseen[at].item() == token for at, token in zip(row.predicting, row.answers, strict=True))
    found = score(model, [row])
    assert (found.right, found.tokens) == (right, examples[0].answer_tokens)
    assert found.loss == pytest.approx(answer_loss(model, row).item(), rel=1e-5)
