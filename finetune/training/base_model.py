"""The base model with an untrained adapter on it, ready to be trained on this device."""

from pathlib import Path
from typing import Any

import torch

from finetune.training.attention import use_causal_attention
from finetune.training.low_rank import fuse_low_rank
from finetune.training.options import ALL_LINEAR, TrainingOptions
from tandem.errors import InvalidRequestError, ModelSourceError, SettingsError

_DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def load_trainable(base: Path, options: TrainingOptions, device: torch.device, seed: int) -> Any:
    """A peft model: the frozen base in `options.dtype`, the adapter's weights in fp32 and drawn by `seed`.

    Raises `ModelSourceError` where the base cannot be loaded, `SettingsError` where QLoRA's parts are missing,
    `InvalidRequestError` for layers that the base does not have.
    """
    if options.qlora:
        _require_qlora(device)
    model = _load_base(base, options, device)
    if device.type == "cpu":
        use_causal_attention(model)
    torch.manual_seed(seed)
    trainable = _with_adapter(model, options)
    fuse_low_rank(trainable)
    if options.gradient_checkpointing:
        trainable.gradient_checkpointing_enable({"use_reentrant": False})
    trainable.train()
    return trainable


def trained_weights(model: Any) -> dict[str, torch.nn.Parameter]:
    """The adapter's weights, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def _load_base(base: Path, options: TrainingOptions, device: torch.device) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils import is_flash_attn_2_available, logging

    logging.disable_progress_bar()
    more: dict[str, Any] = {}
    if options.qlora:
        more = {
            "quantization_config": BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            ),
            "device_map": {"": device},
        }
    flash = device.type == "cuda" and options.dtype == "bf16" and is_flash_attn_2_available()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            base,
            dtype=_DTYPES[options.dtype],
            attn_implementation="flash_attention_2" if flash else "sdpa",
            trust_remote_code=False,
            local_files_only=True,
            **more,
        )
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise ModelSourceError(
            f"The base model in {base} cannot be loaded: {str(error).strip().splitlines()[0]}",
            hint="It must be a causal language model that transformers knows. Fetch it again if it is damaged.",
        ) from error
    return model if options.qlora else model.to(device)


def _with_adapter(model: Any, options: TrainingOptions) -> Any:
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if options.qlora:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    targets: str | list[str] = ALL_LINEAR if ALL_LINEAR in options.targets else list(options.targets)
    config = LoraConfig(
        r=options.rank,
        lora_alpha=options.scale_alpha,
        lora_dropout=options.dropout,
        target_modules=targets,
        use_dora=options.dora,
        use_rslora=options.rslora,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        linear = sorted(
            {name.rpartition(".")[2] for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
        )
        raise InvalidRequestError(
            f"{', '.join(options.targets)}: {str(error).splitlines()[0]}",
            param="targets",
            hint=f"The base has the linear layers {', '.join(linear)}; or say {ALL_LINEAR}.",
        ) from error


def _require_qlora(device: torch.device) -> None:
    from importlib.util import find_spec

    if device.type != "cuda":
        raise SettingsError(
            "QLoRA needs a CUDA GPU, and PyTorch finds none here",
            param="qlora",
            hint="Leave --qlora out: LoRA on the whole base works on a CPU.",
        )
    if find_spec("bitsandbytes") is None:
        raise SettingsError(
            "QLoRA needs bitsandbytes, which is not installed", param="qlora", hint="pip install bitsandbytes"
        )
