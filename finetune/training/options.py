"""What a training is asked to do. All of it goes into the run's `training.json`."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tandem.errors import InvalidRequestError

ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """Defaults are for a small model and a few hundred examples. Raises `InvalidRequestError` for what cannot be."""

    rank: int = 16
    alpha: float | None = None
    """The low-rank part is scaled by alpha / rank (with rsLoRA, by alpha / sqrt(rank)); twice the rank by default."""
    dropout: float = 0.0
    targets: tuple[str, ...] = (ALL_LINEAR,)
    """Names of linear layers, such as `q_proj`; or all but the output layer."""
    dora: bool = False
    rslora: bool = False
    qlora: bool = False
    """Keep the base in 4 bits; needs bitsandbytes and a CUDA GPU."""
    epochs: float = 2.0
    lr: float = 4e-4
    """Highest learning rate: reached after the warm-up, from where it falls to 0 as a cosine."""
    batch_size: int = 8
    """Examples in a step of the optimiser, over all processes."""
    batch_tokens: int | None = None
    """Most tokens in one pass through the model; `None` is one example on a CPU, 8,192 on a GPU. Only memory and
    speed depend on it: a step's gradients are the sum over its passes."""
    warmup: float = 0.06
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    seed: int = 0
    patience: int = 4
    """Validations without a lower loss after which training stops."""
    eval_every: int | None = None
    """Steps between validations; `None` is twice an epoch."""
    max_length: int = 2048
    """Tokens of the longest example that is trained on."""
    gradient_checkpointing: bool = False
    dtype: Literal["bf16", "fp32"] = "bf16"
    """Type of the base's weights; those of the adapter are fp32 always."""

    def __post_init__(self) -> None:
        for name in ("rank", "batch_size", "patience", "eval_every", "batch_tokens", "max_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InvalidRequestError(f"{name} is {value}, and must be at least 1", param=name)
        for name in ("lr", "epochs", "alpha", "max_grad_norm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InvalidRequestError(f"{name} is {value}, and must be above 0", param=name)
        for name in ("dropout", "warmup"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise InvalidRequestError(f"{name} is {value}, and must be from 0 to below 1", param=name)
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise InvalidRequestError("weight_decay must be 0 or more", param="weight_decay")
        if not self.targets:
            raise InvalidRequestError("No layer is named to train", param="targets", hint=f"Say {ALL_LINEAR}.")
        if self.qlora and self.dtype != "bf16":
            raise InvalidRequestError("QLoRA computes in bf16", param="dtype")

    def parameters(self) -> dict[str, Any]:
        """All of them as JSON has them, with what is implied filled in."""
        return asdict(self) | {"alpha": self.scale_alpha, "targets": list(self.targets)}

    @property
    def scale_alpha(self) -> float:
        """Alpha, where none was given too."""
        return 2.0 * self.rank if self.alpha is None else self.alpha
