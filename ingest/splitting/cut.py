"""The plan by which a corpus is cut."""

from dataclasses import dataclass
from typing import Literal, Self

from tandem.settings import IngestSettings

Strategy = Literal["sentence", "markdown", "semantic", "parent"]


@dataclass(frozen=True, slots=True)
class Cut:
    """How documents are cut; `str` of it changes exactly when the chunks may change.

    `sentence` ends chunks where sentences end, `markdown` lets none cross a heading of any level,
    `semantic` also cuts where the meaning changes, `parent` gives each small chunk a longer one to read.
    """

    strategy: Strategy
    tokens: int
    """Longest chunk with its header, in tokens of the embedder."""
    overlap: int
    """Tokens that neighbouring chunks share, at most."""
    parent_tokens: int
    """Longest parent, in tokens; only `parent` looks at it."""
    header: bool
    """Whether a chunk is indexed with its title and section before it."""

    @classmethod
    def of(cls, settings: IngestSettings, most: int) -> Self:
        """The plan that the settings name, for an embedder that reads `most` tokens of a chunk.

        What is longer would be cut off there, and never be found.
        """
        tokens = min(settings.chunk_tokens, most)
        return cls(
            settings.splitting,
            tokens,
            min(settings.chunk_overlap_tokens, tokens - 1),
            max(settings.parent_tokens, tokens),
            settings.header,
        )

    def __str__(self) -> str:
        parts = [self.strategy, str(self.tokens), str(self.overlap)]
        if self.strategy == "parent":
            parts.append(f"of {self.parent_tokens}")
        if self.header:
            parts.append("with header")
        return " ".join(parts)
