"""The model itself, as sentence-transformers reads it."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import torch

    from tandem.index.protocol import Vector


class Encoder:
    """A loaded model from a local folder; nothing is fetched, no code in it is run.

    Its methods block. `encode` wants one call at a time; `count_tokens` may be called by any thread.
    """

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
        # Encoding switches truncation on and off in its tokenizer, so counting has one of its own.
        self._counter = copy.deepcopy(self._model.tokenizer)
        self.dimension = self.encode([""], "").shape[1]
        marks = len(self._counter("")["input_ids"])
        self.max_tokens = int(self._model.max_seq_length or 512) - marks
        """Longest text that is read whole, in the tokens of `count_tokens`; the rest is cut off."""

    def encode(self, texts: Sequence[str], prompt: str) -> "Vector":
        """One forward pass: `(len(texts), dimension)` float32, not necessarily of length 1."""
        encoded = self._model.encode(
            list(texts), prompt=prompt, batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True
        )
        return cast("Vector", encoded.astype("float32", copy=False))

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without the marks that the model adds around it."""
        return len(self._counter(text, add_special_tokens=False, verbose=False)["input_ids"])

    def token_starts(self, text: str) -> list[int]:
        """Where each token of `text` begins, in characters, in order; as many as `count_tokens` says."""
        encoded = self._counter(text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
        return [start for start, _ in encoded["offset_mapping"]]
