"""Any model that sentence-transformers reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch

    from tandem.index.protocol import Vector


class SentenceEncoder:
    """A sentence-transformers model from a local folder; nothing is fetched, no code in it is run."""

    def __init__(self, folder: Path, device: str, dtype: "torch.dtype") -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        self._model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"dtype": dtype, "use_safetensors": True},
        )
        probe = self._model.encode([""], show_progress_bar=False, convert_to_numpy=True)
        self.dimension = int(probe.shape[1])
        marks = len(self._model.tokenizer("")["input_ids"])
        self.max_tokens = int(self._model.max_seq_length or 512) - marks

    def encode(self, texts: Sequence[str], prompt: str) -> "Vector":
        """See `Encoder.encode`."""
        encoded = self._model.encode(
            list(texts), prompt=prompt, batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True
        )
        return cast("Vector", encoded.astype("float32", copy=False))

    def count_tokens(self, text: str) -> int:
        """See `Encoder.count_tokens`."""
        return len(self._model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
