"""Embedding: texts become vectors of length 1, in the process or at an endpoint."""

from tandem.embedding.loading import load_embedder
from tandem.embedding.protocol import Embedder

__all__ = ["Embedder", "load_embedder"]
