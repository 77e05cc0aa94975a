"""Reranking: a question's candidates in a better order, by a model here, at an address, or without one."""

from tandem.rerank.opening import Rerankers, open_rerankers
from tandem.rerank.protocol import Reranker

__all__ = ["Reranker", "Rerankers", "open_rerankers"]
