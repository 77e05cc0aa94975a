"""Reranking: a question's candidates in a better order, by a model here, at an address, or without one."""

from tandem.rerank.opening import open_reranker
from tandem.rerank.protocol import Reranker

__all__ = ["Reranker", "open_reranker"]
