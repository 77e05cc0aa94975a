"""The model as sentence-transformers runs it on torch: any architecture, any device."""

import copy
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tandem.embedding.encoder import Pass

if TYPE_CHECKING:
    import torch

    from tandem.index.protocol import Vector


class TorchEncoder:
    """An `Encoder` from a local folder; nothing is fetched, no code in it is run."""

    parallel = 1
    spare = 0

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
        self.dimension = self._encode([""], "").shape[1]
        marks = len(self._counter("")["input_ids"])
        self.max_tokens = int(self._model.max_seq_length or 512) - marks

    def passes(self, texts: Sequence[str], prompt: str, batch_size: int) -> Iterator[Pass]:
        """Texts of like length share a pass, so little is spent on padding."""
        # Longest first: a batch that does not fit in memory fails at once, not after an hour.
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            yield Pass(places, partial(self._encode, [texts[place] for place in places], prompt))

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without the marks that the model adds around it."""
        return len(self._counter(text, add_special_tokens=False, verbose=False)["input_ids"])

    def token_starts(self, text: str) -> list[int]:
        """Where each token of `text` begins, in characters, in order; as many as `count_tokens` says."""
        encoded = self._counter(text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
        return [start for start, _ in encoded["offset_mapping"]]

    def close(self) -> None:
        """There is nothing to let go of."""

    def _encode(self, texts: list[str], prompt: str) -> "Vector":
        encoded = self._model.encode(
            texts, prompt=prompt, batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True
        )
        return cast("Vector", encoded.astype("float32", copy=False))
