"""What goes wrong in the middle of a training, and what to do about it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from finetune.training.options import TrainingOptions
from tandem.errors import TrainingFailedError

_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@contextmanager
def memory_errors(options: TrainingOptions, device: torch.device) -> Iterator[None]:
    """Turn what PyTorch raises without memory into `TrainingFailedError`, which says what to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in _NO_MEMORY):
            raise
        lower = [f"--max-length (now {options.max_length})"]
        if options.batch_tokens or device.type != "cpu":
            lower.insert(0, f"--batch-tokens (now {options.batch_tokens or 'as large as a GPU likes'})")
        more = [] if options.gradient_checkpointing else ["add --gradient-checkpointing, which is slower"]
        if device.type == "cuda" and not options.qlora:
            more.append("keep the base in 4 bits with --qlora")
        raise TrainingFailedError(
            f"The memory of the {'GPU' if device.type == 'cuda' else 'machine'} is too small for this training",
            hint="; ".join([f"Lower {' or '.join(lower)}", *more]) + ".",
        ) from error


def require_finite(loss: float, norm: float, step: int, lr: float) -> None:
    """Raise `TrainingFailedError` once the loss or a gradient is no number any more."""
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise TrainingFailedError(
            f"At step {step} the loss is {loss} and the gradient's norm {norm}: the weights are lost",
            hint=f"Start again with a lower --lr, such as {lr / 4:g}. Nothing was registered.",
            param="lr",
        )
