"""Causal attention for training on a CPU.

PyTorch's fused attention is slow in bf16 on CPUs. Matrix products over blocks of queries, which leave out the keys that
a block cannot see, are quicker. Scores are rounded to the model's type before the softmax, as transformers' own `eager`
attention does.
"""

from typing import Any

import torch
from torch import Tensor

NAME = "tandem_causal"
_BLOCK = 256
"""Queries in one product; half or twice as many make little difference."""


class _CausalAttention(torch.autograd.Function):
    """softmax(q k^T * scale) v, where a query sees the keys up to its own place.

    Shapes: q (groups, heads of a group, tokens, size); k and v (groups, tokens, size): heads of a group share them.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, scale: float) -> Tensor:
        output = torch.empty_like(query)
        all_shares = []
        for start, end in _blocks(query.shape[2]):
            shares = _shares(query, key, start, end, scale)
            block = output[:, :, start:end]
            block.copy_(torch.bmm(shares, value[:, :end]).view_as(block))
            all_shares.append(shares)
        ctx.save_for_backward(query, key, value, *all_shares)
        ctx.scale = scale
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, *all_shares = ctx.saved_tensors
        d_query, d_key, d_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for (start, end), shares in zip(_blocks(query.shape[2]), all_shares, strict=True):
            d_output = _rows(gradients[0], start, end)
            d_value[:, :end] += torch.bmm(shares.transpose(1, 2), d_output)
            d_shares = torch.bmm(d_output, value[:, :end].transpose(1, 2))
            d_scores = torch._softmax_backward_data(d_shares, shares, -1, shares.dtype)
            block = d_query[:, :, start:end]
            block.copy_(torch.bmm(d_scores, key[:, :end]).mul_(ctx.scale).view_as(block))
            d_key[:, :end] += torch.bmm(d_scores.transpose(1, 2), _rows(query, start, end)).mul_(ctx.scale)
        return d_query, d_key, d_value, None


def causal_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    **_: Any,
) -> tuple[Tensor, None]:
    """As transformers calls an attention: (1, heads, tokens, size) in, (1, tokens, heads, size) out."""
    heads, tokens, size = query.shape[1:]
    groups = key.shape[1]
    grouped = query.reshape(groups, heads // groups, tokens, size)
    keys, values = key[0].contiguous(), value[0].contiguous()
    output: Tensor = _CausalAttention.apply(grouped, keys, values, scaling)  # type: ignore[no-untyped-call]
    return output.view(1, heads, tokens, size).transpose(1, 2), None


def use_causal_attention(model: Any) -> bool:
    """Let `model` attend so, if every layer of it is plainly causal; whether it does."""
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    plain = (
        config.model_type in _PLAIN
        and kinds == {"full_attention"}
        and not (getattr(config, "use_sliding_window", True) and getattr(config, "sliding_window", None))
        and not config.attention_dropout
    )
    if plain:
        from transformers import AttentionInterface

        AttentionInterface.register(NAME, causal_attention)
        model.set_attn_implementation(NAME)
    return plain


_PLAIN = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3", "granite", "olmo2"})
"""Kinds of models whose attention has nothing but the causal mask."""


def _blocks(tokens: int) -> list[tuple[int, int]]:
    return [(start, min(start + _BLOCK, tokens)) for start in range(0, tokens, _BLOCK)]


def _rows(heads: Tensor, start: int, end: int) -> Tensor:
    """(groups, heads of a group, tokens, size) to (groups, heads of a group * block, size)."""
    return heads[:, :, start:end].reshape(heads.shape[0], -1, heads.shape[3])


def _shares(query: Tensor, key: Tensor, start: int, end: int, scale: float) -> Tensor:
    """(groups, heads of a group * block, keys up to the block's end): what each query takes of each value."""
    scores = torch.bmm(_rows(query, start, end) * scale, key[:, :end].transpose(1, 2))
    unseen = torch.ones(end - start, end - start, dtype=torch.bool).triu_(1)
    scores.view(query.shape[0], -1, end - start, end)[..., start:].masked_fill_(unseen, -torch.inf)
    return torch.softmax(scores, dim=-1)
