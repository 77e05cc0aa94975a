"""Where the meaning of a text changes, by LlamaIndex's semantic splitter."""

from collections.abc import Iterator, Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.node_parser import SemanticSplitterNodeParser
from llama_index.core.schema import Document
from pydantic import PrivateAttr

from ingest.splitting.merging import FIRST_SIGN, signs
from ingest.splitting.sizes import TextEmbedder
from ingest.splitting.units import Unit

_SHARE = 4
"""Groups of sentences that make a chunk."""

_PERCENTILE = 75
"""Neighbours that differ more than this share of all are cut: with four groups to a chunk, as many cuts as
there are chunks."""

_MOST = 4_096
"""Groups that are compared in one go, which bounds the memory: about 180,000 tokens of text."""


def changes(text: str, units: Sequence[Unit], tokens: int, embedder: TextEmbedder) -> list[int]:
    """The places, in order, where what follows is about something else; each is the start of a unit.

    Each group of sentences of up to a quarter of a chunk is embedded by itself, once: time and cost are
    those of embedding the text once more, in all 2 instead of 1. (LlamaIndex's default, a window of three
    sentences around each, embeds everything three times more.)
    """
    groups = list(_grouped(units, max(1, tokens // _SHARE)))
    found: list[int] = []
    for first in range(0, len(groups), _MOST):
        some = groups[first : first + _MOST]
        parser = SemanticSplitterNodeParser(
            embed_model=_Groups([text[one.start : one.end] for one in some], embedder),
            sentence_splitter=list,
            buffer_size=0,
            breakpoint_percentile_threshold=_PERCENTILE,
        )
        nodes = parser.build_semantic_nodes_from_documents([Document(text=signs(len(some)))])
        found += [some[ord(node.get_content()[0]) - FIRST_SIGN].start for node in nodes[1:]]
    return found


class _Groups(BaseEmbedding):  # type: ignore[misc]  # LlamaIndex is not typed here
    """Stands for an embedding model in LlamaIndex: gives the vector of the group that a sign stands for."""

    _texts: Sequence[str] = PrivateAttr()
    _embedder: TextEmbedder = PrivateAttr()

    def __init__(self, texts: Sequence[str], embedder: TextEmbedder) -> None:
        super().__init__()
        self._texts = texts
        self._embedder = embedder

    def get_text_embedding_batch(
        self, texts: list[str], show_progress: bool = False, **more: Any
    ) -> list[Any]:
        """One batch for the embedder, which sorts it by length and cuts it as it likes."""
        return list(self._embedder.embed_documents([self._texts[ord(sign) - FIRST_SIGN] for sign in texts]))

    def _get_text_embedding(self, text: str) -> list[float]:
        raise NotImplementedError  # the parser asks for batches only

    def _get_query_embedding(self, query: str) -> list[float]:
        raise NotImplementedError

    async def _aget_query_embedding(self, query: str) -> list[float]:
        raise NotImplementedError


def _grouped(units: Sequence[Unit], most: int) -> Iterator[Unit]:
    """Neighbours of one run, joined up to a size; what is larger alone stays alone."""
    group: Unit | None = None
    for unit in units:
        if group and group.run is unit.run and group.size + unit.size <= most:
            group = Unit(group.start, unit.end, group.size + unit.size, unit.run)
        else:
            if group:
                yield group
            group = unit
    if group:
        yield group
