"""The model that is tuned: loading it, its vectors, its weights."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tandem.embedding.embedder import Prompts, unit
from tandem.embedding.processor import choose_device, cpu_computes_bfloat16, usable_cores
from tandem.errors import InvalidRequestError, ModelSourceError, StorageError
from tandem.index import Vector

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

Weights = Mapping[str, "torch.Tensor"]

_BATCH = 32


def load_model(folder: Path) -> "SentenceTransformer":
    """The sentence-transformers model in `folder`, in fp32, on the GPU if there is one.

    Nothing is fetched, and no code that comes with it is run. Raises `ModelSourceError`.
    """
    import torch
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = choose_device()
    if device == "cpu":
        torch.set_num_threads(usable_cores())
    try:
        return SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": torch.float32, "use_safetensors": True},
        )
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelSourceError(
            f"{folder} cannot be loaded as a base: {str(error).partition(chr(10))[0]}",
            hint="It must be a sentence-transformers folder with safetensors and modules.json.",
            param="base",
        ) from error


def embed(model: "SentenceTransformer", texts: Sequence[str], prompt: str) -> Vector:
    """Vectors of shape (len(texts), dimension), float32, of length 1; computed in bf16 where serving would."""
    with half_precision(model):
        found = model.encode(
            list(texts), prompt=prompt, batch_size=_BATCH, show_progress_bar=False, convert_to_tensor=True
        )
    vectors = unit(np.asarray(found.float().cpu().numpy(), dtype=np.float32))
    if not np.isfinite(vectors).all():
        raise not_finite("a vector")
    return vectors


def half_precision(model: "SentenceTransformer") -> AbstractContextManager[object]:
    """Products of matrices in bf16 within the block, where the device computes in it; weights stay fp32."""
    import torch

    device = model.device.type
    if device == "cuda" or cpu_computes_bfloat16():
        return torch.autocast(device, torch.bfloat16)
    return nullcontext()


def not_finite(what: str) -> InvalidRequestError:
    """The error for numbers that ran away."""
    return InvalidRequestError(
        f"Training went astray: {what} is not a finite number, and nothing was kept",
        hint="Lower --lr, or raise --temperature.",
        param="lr",
    )


def weights_of(model: "SentenceTransformer") -> dict[str, "torch.Tensor"]:
    """A copy of all weights, on the CPU."""
    return {name: one.detach().to("cpu", copy=True) for name, one in model.state_dict().items()}


def set_weights(model: "SentenceTransformer", weights: Weights) -> None:
    """Give the model these weights."""
    model.load_state_dict(dict(weights))


def mixed(base: Weights, tuned: Weights, share: float) -> dict[str, "torch.Tensor"]:
    """`share` of the tuned weights and the rest of the base's.

    M. Wortsman et al., Robust fine-tuning of zero-shot models, 2022 (WiSE-FT): between the two often lies a
    model that has learnt the new and not lost the old.
    """
    return {
        name: base[name].lerp(one, share) if one.is_floating_point() else one for name, one in tuned.items()
    }


def save_model(model: "SentenceTransformer", folder: Path, prompts: Prompts) -> None:
    """Write a sentence-transformers folder with the prompts in it. Raises `StorageError`."""
    from safetensors import SafetensorError

    named: dict[str, str] = {"query": prompts.query, "document": prompts.document}
    model.prompts = {name: text for name, text in named.items() if text}
    try:
        model.save_pretrained(str(folder), create_model_card=False)
    except SafetensorError as error:  # how the writer of weights says that the disk refuses
        raise StorageError(
            f"Cannot write to {folder}: {error}", hint="Free some space and start again."
        ) from error


@contextmanager
def memory_errors() -> Iterator[None]:
    """Say what to lower where memory runs out."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise InvalidRequestError(
            "There is not enough memory to train with these settings",
            hint="Lower --mini-batch first, which changes no result, then --batch-size.",
            param="mini_batch",
        ) from error
    except RuntimeError as error:  # torch says so of the processor's memory
        if "can't allocate memory" not in str(error) and "not enough memory" not in str(error):
            raise
        raise InvalidRequestError(
            "There is not enough memory to train with these settings",
            hint="Lower --mini-batch first, which changes no result, then --batch-size.",
            param="mini_batch",
        ) from error


def on_device(features: Mapping[str, Any], device: "torch.device") -> dict[str, Any]:
    """The tensors of a batch where the model is."""
    return {name: one.to(device) if hasattr(one, "to") else one for name, one in features.items()}
