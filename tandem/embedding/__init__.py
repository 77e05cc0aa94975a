"""Embedding: texts become vectors of length 1, in the process or at an endpoint."""

from tandem.embedding.embedder import Embedder
from tandem.embedding.loading import load_embedder

__all__ = ["Embedder", "load_embedder"]
