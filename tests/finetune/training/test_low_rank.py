"""The quick low-rank layer computes what peft's does, and leaves alone what it does not know."""

import pytest
import torch
from peft import LoraConfig, get_peft_model

from finetune.training.low_rank import fuse_low_rank


class _Layer(torch.nn.Module):
    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        self.first = torch.nn.Linear(12, 20, bias=bias)
        self.last = torch.nn.Linear(20, 8, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.first(x)))


def _adapted(*, bias: bool = True, **options: object) -> torch.nn.Module:
    torch.manual_seed(3)
    config = LoraConfig(r=4, target_modules=["first", "last"], init_lora_weights=False, **options)
    return get_peft_model(_Layer(bias=bias).double(), config, autocast_adapter_dtype=False)


def _gradients(model: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    model.zero_grad()
    model(x).square().sum().backward()
    return [x.grad.clone(), *(weight.grad.clone() for weight in model.parameters() if weight.requires_grad)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rslora", [True, False])
def test_values_and_gradients_are_pefts(*, bias: bool, rslora: bool) -> None:
    model = _adapted(bias=bias, use_rslora=rslora, lora_alpha=24)
    x = torch.randn(2, 5, 12, dtype=torch.float64, requires_grad=True)
    wanted, wanted_gradients = model(x), _gradients(model, x)
    x.grad = None
    assert fuse_low_rank(model) == 2
    torch.testing.assert_close(model(x), wanted)
    for found, expected in zip(_gradients(model, x), wanted_gradients, strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_dropout": 0.1}, {"lora_bias": True}])
def test_other_kinds_of_layers_are_left_as_peft_has_them(options: dict[str, object]) -> None:
    assert fuse_low_rank(_adapted(**options)) == 0
