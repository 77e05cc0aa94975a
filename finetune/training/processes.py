"""Several processes that train one model: each learns from its share of a step's examples, and gradients are summed.

Only the adapter is trained, so a step passes a few megabytes between them, and no wrapper around the model is needed:
the result does not depend on how many there are, but for rounding. `accelerate launch` starts them and says who is who.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, distributed


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among all."""

    index: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this one speaks and writes for all."""
        return self.index == 0

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            distributed.barrier()

    def sum_gradients(self, weights: Sequence[Tensor]) -> None:
        """Give each process the sum of all processes' gradients; one without examples adds nothing."""
        for weight in weights:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        if self.count == 1:
            return
        flat = torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None])
        distributed.all_reduce(flat)
        at = 0
        for weight in weights:
            weight.grad = flat[at : at + weight.numel()].view_as(weight).clone()
            at += weight.numel()

    def sums(self, *values: float) -> list[float]:
        """Each value summed over all processes."""
        if self.count == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(summed)
        return summed.tolist()


def join_processes(device: str | None = None) -> Processes:
    """As `accelerate launch` has set it up; alone without it. `device` overrules what is found."""
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu")
    return Processes(state.process_index, state.num_processes, torch.device(device or state.device))
