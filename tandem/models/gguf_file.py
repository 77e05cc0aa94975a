"""From one GGUF file to a folder of safetensors."""

from pathlib import Path

from tandem.errors import ModelSourceError, StorageError
from tandem.models.disk import require_space

_BYTES_OF_BF16 = 2
_HINT = "Install its package again, or choose another model."


def convert_gguf(gguf: Path, goal: Path) -> None:
    """Write weights in bf16, tokenizer and chat template of `gguf` into the empty folder `goal`.

    Takes tens of seconds and, in memory, twice the size of what is written. Raises `ModelSourceError`
    when the file cannot be understood and `StorageError` when it does not fit on the disk.
    """
    # bf16 is never smaller than a quantised file; the exact need is known once the weights are read.
    require_space(goal, gguf.stat().st_size)

    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder, name = str(gguf.parent), gguf.name
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            gguf_file=name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16,
            trust_remote_code=False,
        )
    except (ValueError, KeyError, IndexError, AttributeError, RuntimeError, NotImplementedError) as error:
        raise ModelSourceError(
            f"{gguf} cannot be read as a model: {error}",
            hint=_HINT,
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise
        # transformers raises it, without a number, for a file that it cannot make sense of.
        raise ModelSourceError(f"{gguf} cannot be read as a model: {error}", hint=_HINT) from error
    require_space(goal, sum(weights.numel() for weights in model.parameters()) * _BYTES_OF_BF16)
    # GGUF says nothing of it, and the library then writes a number with thirty digits.
    tokenizer.model_max_length = model.config.max_position_embeddings
    try:
        model.save_pretrained(goal)
        tokenizer.save_pretrained(goal)
    except SafetensorError as error:
        # The library's writer is not Python's, and its errors carry no number.
        raise StorageError(
            f"Cannot write to {goal}: {error}", hint="Check the free space of the disk."
        ) from error
