"""A model that was converted for OpenVINO, as it lies on disk."""

from dataclasses import dataclass
from pathlib import Path

MODEL, TOKENIZER = "model.xml", "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Graph:
    """A converted model on disk, and what its tokenizer must be told."""

    folder: Path
    max_length: int
    dimension: int
    pad_id: int
    pad_left: bool

    @property
    def model(self) -> Path:
        """The graph, in OpenVINO's format."""
        return self.folder / MODEL

    @property
    def tokenizer(self) -> Path:
        """The tokenizer, as the `tokenizers` library reads it."""
        return self.folder / TOKENIZER
