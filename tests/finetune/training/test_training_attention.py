"""The CPU's attention computes what PyTorch's does."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from finetune.training.attention import causal_attention


@pytest.mark.parametrize("tokens", [1, 7, 255, 256, 257, 600])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_values_and_gradients_are_those_of_the_fused_attention(tokens: int, groups: int) -> None:
    torch.manual_seed(tokens)
    query = torch.randn(1, 6, tokens, 16, dtype=torch.float64, requires_grad=True)
    key = torch.randn(1, groups, tokens, 16, dtype=torch.float64, requires_grad=True)
    value = torch.randn(1, groups, tokens, 16, dtype=torch.float64, requires_grad=True)
    wanted = scaled_dot_product_attention(
        query, key, value, is_causal=True, scale=0.3, enable_gqa=True
    ).transpose(1, 2)
    found, _ = causal_attention(torch.nn.Module(), query, key, value, None, 0.3)
    torch.testing.assert_close(found, wanted)
    towards = torch.randn_like(wanted)
    for one, other in zip(
        torch.autograd.grad(found, (query, key, value), towards),
        torch.autograd.grad(wanted, (query, key, value), towards),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_bf16_is_as_near_to_the_truth_as_the_fused_attention() -> None:
    torch.manual_seed(0)
    exact = [torch.randn(1, heads, 570, 64, dtype=torch.float64) for heads in (9, 3, 3)]
    truth = scaled_dot_product_attention(*exact, is_causal=True, enable_gqa=True).transpose(1, 2)
    rounded = [tensor.bfloat16() for tensor in exact]
    fused = scaled_dot_product_attention(*rounded, is_causal=True, enable_gqa=True).transpose(1, 2)
    ours, _ = causal_attention(torch.nn.Module(), *rounded, None, 64**-0.5)
    assert (ours - truth).norm() < 1.5 * (fused - truth).norm()
